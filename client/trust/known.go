package trust

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ftpd/internal/ownfile"
)

// Known are the servers that somebody has vouched for before: a file with a line
// "HOST:PORT SHA256:..." for each. Empty lines and those that begin with # say nothing.
type Known struct {
	file    string
	entries map[string]entry // by address
}

type entry struct {
	key  Fingerprint
	line int
}

// ErrNotKnown is that a server has no entry.
var ErrNotKnown = errors.New("it has no entry")

// LoadKnown reads a file of known servers, which need not be there. Its error names the file.
func LoadKnown(file string) (*Known, error) {
	text, err := ownfile.Read(file)
	if err != nil {
		return nil, err
	}
	k := &Known{file: file}
	k.entries, err = parseKnown(text)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: file, Err: err}
	}
	return k, nil
}

// parseKnown refuses a line that it cannot read: who mistyped a key means no other one.
func parseKnown(text []byte) (map[string]entry, error) {
	entries := make(map[string]entry)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		address, key, ok, err := parseLine(string(line))
		switch {
		case err != nil:
			return nil, &lineError{number, err.Error()}
		case !ok:
		case entries[address].line > 0:
			return nil, &lineError{number, fmt.Sprintf("%q is on line %d already", address, entries[address].line)}
		default:
			entries[address] = entry{key: key, line: number}
		}
	}
	return entries, nil
}

// lineError is a line that cannot be read. It is a cause of its own: what is wrong with the
// line says nothing without its number.
type lineError struct {
	line int // from 1
	what string
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.what) }

// parseLine returns false where a line says nothing.
func parseLine(line string) (address string, key Fingerprint, ok bool, err error) {
	fields := strings.Fields(line)
	switch {
	case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		return "", "", false, nil
	case len(fields) != 2:
		return "", "", false, errors.New("a line is HOST:PORT and " + hashName + "KEY")
	}
	key, err = ParseFingerprint(fields[1])
	return strings.ToLower(fields[0]), key, err == nil, err
}

// File returns the name of the file.
func (k *Known) File() string { return k.file }

// Lookup returns the key of a server at "host:port", and the line of its entry.
func (k *Known) Lookup(address string) (key Fingerprint, line int, ok bool) {
	e, ok := k.entries[strings.ToLower(address)]
	return e.key, e.line, ok
}

// Add keeps the key of a server that has no entry, in the file as well.
func (k *Known) Add(ctx context.Context, address string, key Fingerprint) error {
	return k.update(ctx, func(text []byte, entries map[string]entry) ([]byte, error) {
		switch e, ok := entries[strings.ToLower(address)]; {
		case ok && e.key == key: // another program was faster
			return text, nil
		case ok:
			return nil, &ChangedError{Address: address, Want: e.key, Shown: key, File: k.file, Line: e.line}
		}
		if len(text) > 0 && text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
		return fmt.Appendf(text, "%s %s\n", strings.ToLower(address), key), nil
	})
}

// Remove drops the entry of a server, from the file as well; ErrNotKnown where it has none.
func (k *Known) Remove(ctx context.Context, address string) error {
	return k.update(ctx, func(text []byte, entries map[string]entry) ([]byte, error) {
		e, ok := entries[strings.ToLower(address)]
		if !ok {
			return nil, ErrNotKnown
		}
		lines := slices.Collect(bytes.Lines(text))
		return bytes.Join(slices.Delete(lines, e.line-1, e.line), nil), nil
	})
}

// update changes the file as it is now, which others may have changed since it was loaded.
func (k *Known) update(ctx context.Context, change func([]byte, map[string]entry) ([]byte, error)) error {
	return ownfile.Update(ctx, k.file, func(old []byte) ([]byte, error) {
		entries, err := parseKnown(old)
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: k.file, Err: err}
		}
		text, err := change(old, entries)
		if err != nil {
			return nil, err
		}
		k.entries, err = parseKnown(text)
		return text, err
	})
}
