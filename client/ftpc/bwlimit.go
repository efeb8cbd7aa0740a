package main

import (
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

func bwlimitFlag() cli.Flag {
	return &cli.StringFlag{
		Name:    "bwlimit",
		Usage:   "send and receive at most `RATE` bytes a second each: 500K, 1.5MiB; 0 is no limit",
		EnvVars: []string{"FTPC_BWLIMIT"},
		Value:   "0",
	}
}

// bwlimit returns what --bwlimit asks for, nil for no limit. A variable without a value
// asks for none, and so does a command without the flag.
func bwlimit(c *cli.Context) (*client.Limiter, error) {
	value := c.String("bwlimit")
	variable, set := os.LookupEnv("FTPC_BWLIMIT")
	if value == "" && (!c.IsSet("bwlimit") || set && variable == "") {
		return nil, nil
	}
	rate, ok := parseRate(value)
	switch {
	case ok && rate == 0:
		return nil, nil
	case ok && rate >= client.MinRate:
		return client.NewLimiter(rate), nil
	}
	name := "--bwlimit"
	if set && variable == value {
		name = "FTPC_BWLIMIT"
	}
	if ok {
		return nil, command.Usagef("%s: %s is less than %d bytes a second", name, value, client.MinRate)
	}
	usage := command.Usagef("%s: %q is no rate", name, value)
	usage.Hint = "a rate is a number of bytes a second, such as 500K, 10M or 1.5MiB"
	return nil, usage
}

// rateUnits are what a number can be followed by, each also by B: thousands, and with
// an i powers of 1024.
var rateUnits = map[string]float64{
	"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12,
	"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
}

// parseRate reads a number of bytes a second.
func parseRate(s string) (int64, bool) {
	end := strings.LastIndexAny(s, "0123456789.") + 1
	unit, known := rateUnits[strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s[end:])), "b")]
	number, err := strconv.ParseFloat(s[:end], 64)
	rate := number * unit
	if !known || err != nil || !(rate >= 0 && rate < math.MaxInt64) {
		return 0, false
	}
	return int64(rate), true
}
