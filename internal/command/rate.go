package command

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// rateUnits are what a number can be followed by, each also by B: thousands, and with
// an i powers of 1024.
var rateUnits = map[string]float64{
	"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12,
	"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
}

// ParseRate reads a number of bytes a second, such as 500K, 10M or 1.5MiB. It returns
// false for what is none.
func ParseRate(s string) (int64, bool) {
	end := strings.LastIndexAny(s, "0123456789.") + 1
	unit, known := rateUnits[strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s[end:])), "b")]
	number, err := strconv.ParseFloat(s[:end], 64)
	rate := number * unit
	if !known || err != nil || !(rate >= 0 && rate < math.MaxInt64) {
		return 0, false
	}
	return int64(rate), true
}

// FormatRate returns the shortest text of which ParseRate makes n again, such as 10G or 1TiB,
// for numbers up to 2^53.
func FormatRate(n int64) string {
	shortest := strconv.FormatInt(n, 10)
	var units []string
	for unit := range rateUnits {
		units = append(units, unit)
	}
	slices.SortFunc(units, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for _, unit := range units {
		name := strings.ToUpper(unit)
		if thousands, binary := strings.CutSuffix(name, "I"); binary {
			name = thousands + "iB"
		}
		text := strconv.FormatFloat(float64(n)/rateUnits[unit], 'f', -1, 64) + name
		if back, ok := ParseRate(text); ok && back == n && len(text) < len(shortest) {
			shortest = text
		}
	}
	return shortest
}

// NoRate returns the error for a value that ParseRate does not take; name is that of
// the flag or variable.
func NoRate(name, value string) *UsageError {
	usage := Usagef("%s: %q is no rate", name, value)
	usage.Hint = "a rate is a number of bytes a second, such as 500K, 10M or 1.5MiB"
	return usage
}
