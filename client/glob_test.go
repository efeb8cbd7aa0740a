package client

import "testing"

// A class of characters is negated as in a shell, and nothing else changes.
func TestPathPattern(t *testing.T) {
	for pattern, want := range map[string]string{
		"":            "",
		"a!b":         "a!b",
		"*.go":        "*.go",
		"[!a]":        "[^a]",
		"[^a]":        "[^a]",
		"[a!]":        "[a!]",
		"[a[!]!":      "[a[!]!",
		"x[!a][!b]":   "x[^a][^b]",
		`\[!a]`:       `\[!a]`,
		`\\[!a]`:      `\\[^a]`,
		`[\]!][!a]`:   `[\]!][^a]`,
		"[]a]":        `[\]a]`,
		"[!]a]":       `[^\]a]`,
		"[":           "[",
		"[!":          "[^",
		"[!]":         `[^\]`,
		`a\`:          `a\`,
		"dir/[!k]*/x": "dir/[^k]*/x",
	} {
		if got := PathPattern(pattern); got != want {
			t.Errorf("PathPattern(%q) = %q, want %q", pattern, got, want)
		}
	}
}
