package main

import "testing"

func TestVisible(t *testing.T) {
	tests := map[string]string{
		"plain":          "plain",
		"with space":     "with space",
		"größe 日本":       "größe 日本",
		`back\slash`:     `back\slash`,
		"a\nb":           `a\nb`,
		"a\\\nb":         `a\\\nb`,
		"\x1b[31mred":    `\x1b[31mred`,
		"\xff\xfe":       `\xff\xfe`,
		"a\u202egpj":     `a\u202egpj`,
		"\u009b31m":      `\u009b31m`,
		"nul\x00":        `nul\x00`,
		"bell\a":         `bell\a`,
		"replaced\ufffd": "replaced\ufffd",
		"":               "",
	}
	for in, want := range tests {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	tests := []struct {
		n           int64
		size, bytes string
	}{
		{0, "0", "0 B"},
		{1, "1", "1 B"},
		{1023, "1023", "1023 B"},
		{1024, "1.0K", "1.0 KiB"},
		{1200, "1.2K", "1.2 KiB"},
		{10240, "10K", "10 KiB"},
		{1024*1024 - 1, "1.0M", "1.0 MiB"},
		{5 << 30, "5.0G", "5.0 GiB"},
		{1<<63 - 1, "8.0E", "8.0 EiB"},
	}
	for _, tt := range tests {
		if got := humanSize(tt.n); got != tt.size {
			t.Errorf("humanSize(%d) = %s, want %s", tt.n, got, tt.size)
		}
		if got := humanBytes(tt.n); got != tt.bytes {
			t.Errorf("humanBytes(%d) = %s, want %s", tt.n, got, tt.bytes)
		}
	}
}

func TestOneLine(t *testing.T) {
	if mark, name := oneLine("plain"); mark != "" || name != "plain" {
		t.Errorf("%q %q", mark, name)
	}
	if mark, name := oneLine("a\nb\\c\r"); mark != `\` || name != `a\nb\\c\r` {
		t.Errorf("%q %q", mark, name)
	}
}
