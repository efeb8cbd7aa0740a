package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// What is typed for a secret is not shown, and can be mended; afterwards the terminal is as
// it was, whatever ended it.
func TestSecret(t *testing.T) {
	for _, test := range []struct {
		name, keys, want string
		fails            error
	}{
		{"a word", "secret\r", "secret", nil},
		{"end of line", "secret\n", "secret", nil},
		{"nothing", "\r", "", nil},
		{"mended", "seg\x7fcrt\x08et\r", "secret", nil},
		{"mended umlaut", "ö\x7fo\r", "o", nil},
		{"mended beyond the beginning", "\x7f\x7fa\r", "a", nil},
		{"begun anew", "wrong\x15right\r", "right", nil},
		{"control bytes", "a\x1b\x00b\r", "ab", nil},
		{"end", "\x04", "", io.EOF},
		{"interrupt", "sec\x03", "", context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := openTerminal(t)
			d := &dialogue{in: term.file, out: term.file}
			typed := make(chan struct{})
			go func() {
				defer close(typed)
				term.waitFor("Password: $")
				if term.echoes() {
					t.Error("the terminal shows what is typed")
				}
				term.press(test.keys)
			}()
			got, err := d.secret(t.Context(), "Password: ")
			<-typed
			if string(got) != test.want || !errors.Is(err, test.fails) {
				t.Errorf("%q, %v", got, err)
			}
			if !term.echoes() {
				t.Error("the terminal does not show what is typed any more")
			}
			if text := term.text(); strings.Trim(strings.TrimPrefix(text, "Password: "), "\r\n") != "" {
				t.Errorf("the terminal shows %q", text)
			}
		})
	}
}

// The end of the command is that of the question.
func TestSecretEndsWithTheCommand(t *testing.T) {
	term := openTerminal(t)
	d := &dialogue{in: term.file, out: term.file}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		term.waitFor("Password: $")
		cancel()
	}()
	if _, err := d.secret(ctx, "Password: "); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if !term.echoes() {
		t.Error("the terminal does not show what is typed any more")
	}
	term.press("\n") // lets go of who still reads
}
