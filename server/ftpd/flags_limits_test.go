//go:build unix

package main

import (
	"reflect"
	"strings"
	"testing"

	"ftpd/server"
)

// TestLimits has every limit reach the server, from a flag and from a variable.
func TestLimits(t *testing.T) {
	t.Setenv("FTPD_RATE_UP", "1.5MiB")
	t.Setenv("FTPD_MAX_PER_IP", "3")
	config, err := configured(t, "--max-clients", "7", "--rate-down", "10M", "--rate-per-ip-up", "500K", "--rate-per-ip-down", "1000",
		"--in-flight", "65535", "--list-depth", "2048", "--memory", "4")
	want := server.Config{
		MaxClients: 7, MaxPerAddress: 3, RateUp: 3 << 19, RateDown: 10_000_000, AddressRateUp: 500_000, AddressRateDown: 1000,
		InFlight: 65535, ListDepth: 2048, Memory: 4 << 20,
	}
	got := server.Config{
		MaxClients: config.MaxClients, MaxPerAddress: config.MaxPerAddress, RateUp: config.RateUp, RateDown: config.RateDown,
		AddressRateUp: config.AddressRateUp, AddressRateDown: config.AddressRateDown,
		InFlight: config.InFlight, ListDepth: config.ListDepth, Memory: config.Memory,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWrongLimits has values that are none: the error names the flag.
func TestWrongLimits(t *testing.T) {
	for _, arg := range []string{
		"--max-clients=0", "--max-per-ip=-1", "--in-flight=0", "--in-flight=65536", "--list-depth=0", "--list-depth=2049",
		"--memory=3", "--memory=1048577", "--rate-up=fast", "--rate-up=-1", "--rate-up=", "--rate-down=999", "--rate-per-ip-up=1M/s", "--rate-per-ip-down=NaN",
	} {
		_, err := configured(t, arg)
		if flag, _, _ := strings.Cut(arg, "="); err == nil || !strings.Contains(err.Error(), flag+": ") {
			t.Errorf("%s: %v", arg, err)
		}
	}
}
