package command_test

import (
	"testing"

	"ftpd/internal/command"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1500": 1500, "500K": 500_000, "500k": 500_000, "10M": 10_000_000, "10MB": 10_000_000, "1.5MiB": 3 << 19,
		"1.5 MiB": 3 << 19, "2Gi": 2 << 30, "1T": 1e12, "7b": 7, ".5k": 500,
		"": -1, "K": -1, "-1": -1, "1x": -1, "1KK": -1, "0x10": -1, "NaN": -1, "Inf": -1, "1M/s": -1, "1.2.3": -1,
		"99999999T": -1, "1iB": -1, "MiB1": -1,
	} {
		got, ok := command.ParseRate(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestFormatRate(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "7": "7", "999": "999", "1000": "1K", "1024": "1024", "10G": "10G", "10000M": "10G", "500K": "500K", "1.5MiB": "1.5MiB",
		"1TiB": "1TiB", "2Ti": "2TiB", "10GiB": "10GiB", "1234567": "1234567", "1.1T": "1.1T",
	} {
		n, ok := command.ParseRate(text)
		if got := command.FormatRate(n); !ok || got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, n := range []int64{1<<53 - 1, 1 << 53, 1e15 + 1, 3 << 40} {
		if back, ok := command.ParseRate(command.FormatRate(n)); !ok || back != n {
			t.Errorf("%d is %s, and that is %d", n, command.FormatRate(n), back)
		}
	}
}
