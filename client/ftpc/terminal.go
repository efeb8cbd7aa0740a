package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal tells whether a person reads what is written to f.
func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd()))
}

// canRedraw tells whether a terminal can rewrite its last line.
func canRedraw(f *os.File) bool {
	return isTerminal(f) && os.Getenv("TERM") != "dumb"
}

// terminalWidth returns the columns of a terminal, or what is usual.
func terminalWidth(f *os.File) int {
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// visible returns a name or a sentence so that a terminal shows it and obeys
// nothing in it: control characters, invisible ones (such as those that turn
// the direction of writing) and bytes that are not UTF-8 become escapes. Text
// without them stays as it is; in text with them a backslash is doubled.
func visible(s string) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}

func harmless(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// humanSize writes a number of bytes as ls -h does: 999, 1.2K, 34M.
func humanSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	value := float64(n)
	unit := -1
	// 1023.5K would be written as 1024K, which is 1.0M.
	for value >= 1023.5 || unit < 0 {
		value /= 1024
		unit++
	}
	digits := 0
	if value < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + "KMGTPE"[unit:unit+1]
}

// humanBytes writes a number of bytes in prose: 999 B, 1.2 KiB, 34 MiB.
func humanBytes(n int64) string {
	size := humanSize(n)
	last := len(size) - 1
	if unit := size[last]; unit > '9' {
		return size[:last] + " " + string(unit) + "iB"
	}
	return size + " B"
}
