package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// dialogue is the terminal of who runs the program, where questions are asked: what is on
// standard input and output may be content.
type dialogue struct{ in, out *os.File }

// errNobody is that there is nobody to be asked.
var errNobody = errors.New("there is no terminal to ask on")

// openDialogue returns the terminal where somebody sits at it, which standard input or
// standard error shows: a job in the background may have one that nobody looks at.
func openDialogue() (*dialogue, error) {
	if !isTerminal(os.Stdin) && !isTerminal(os.Stderr) {
		return nil, errNobody
	}
	return openTTY()
}

func (d *dialogue) close() {
	_ = d.in.Close() // a line that somebody still waits for is of no interest
	if d.out != d.in {
		_ = d.out.Close()
	}
}

func (d *dialogue) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, format, args...) // who cannot read it does not answer
}

// line reads a line. The context's end ends the waiting, for it is that of the command.
func (d *dialogue) line(ctx context.Context) (string, error) {
	answer, err := d.await(ctx, func() ([]byte, error) {
		var line []byte
		for {
			b, err := d.char()
			switch {
			case err != nil:
				return nil, err
			case b == '\n':
				return line, nil
			}
			line = append(line, b)
		}
	})
	return strings.TrimSpace(string(answer)), err
}

// secret reads a line that is not shown. Whatever ends it, the terminal is afterwards
// as it was.
func (d *dialogue) secret(ctx context.Context, prompt string) ([]byte, error) {
	state, err := term.MakeRaw(int(d.in.Fd()))
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = term.Restore(int(d.in.Fd()), state) // it was possible to change it
		d.printf("\n")
	}()
	d.printf("%s", prompt) // nothing that is typed from now on is shown
	return d.await(ctx, d.hidden)
}

// What a terminal sends that is no part of a secret.
const (
	keyInterrupt = 0x03
	keyEnd       = 0x04
	keyBackspace = 0x08
	keyErase     = 0x15
	keyDelete    = 0x7f
)

// hidden reads a line from a raw terminal, which leaves it to the program to obey.
func (d *dialogue) hidden() ([]byte, error) {
	var typed []byte
	for {
		b, err := d.char()
		switch {
		case err != nil:
			return nil, err
		case b == '\r', b == '\n':
			return typed, nil
		case b == keyInterrupt:
			return nil, context.Canceled
		case b == keyEnd && len(typed) == 0:
			return nil, io.EOF
		case b == keyBackspace, b == keyDelete:
			_, size := utf8.DecodeLastRune(typed)
			typed = typed[:len(typed)-size]
		case b == keyErase:
			typed = typed[:0]
		case b >= ' ' || b == '\t':
			typed = append(typed, b)
		}
	}
}

// char reads one byte, and no more, so that what follows is left to who reads next.
func (d *dialogue) char() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(d.in, b[:])
	return b[0], err
}

// await returns what read does, unless the context ends before. Then it is left where it is,
// for only the end of the program ends it.
func (d *dialogue) await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		line []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := read()
		done <- result{slices.Clip(line), err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
