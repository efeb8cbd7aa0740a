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
