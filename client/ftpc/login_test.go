package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ftpd/client"
)

func TestReadPassword(t *testing.T) {
	long := strings.Repeat("x", maxPassword)
	for _, test := range []struct {
		name, text, want, fails string
		mode                    fs.FileMode
	}{
		{name: "line", text: "secret word\n", want: "secret word"},
		{name: "no end of line", text: "secret", want: "secret"},
		{name: "of Windows", text: "secret\r\n", want: "secret"},
		{name: "spaces", text: "  \n", want: "  "},
		{name: "longest", text: long + "\r\n", want: long},
		{name: "too long", text: long + "x", fails: "it is more than a password"},
		{name: "two lines", text: "a\nb\n", fails: "it is more than a password"},
		{name: "empty", fails: "there is no password in it"},
		{name: "empty line", text: "\n", fails: "there is no password in it"},
		{name: "for the group", text: "a", mode: 0o640, fails: errReadable.Error()},
		{name: "for all", text: "a", mode: 0o604, fails: errReadable.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.mode != 0 && runtime.GOOS == "windows" {
				t.Skip("Windows shows no such permission bits")
			}
			file := filepath.Join(t.TempDir(), "password")
			mode := max(test.mode, 0o600)
			if err := errors.Join(os.WriteFile(file, []byte(test.text), mode), os.Chmod(file, mode)); err != nil {
				t.Fatal(err)
			}
			got, err := readPassword(file)
			if string(got) != test.want || (err == nil) != (test.fails == "") {
				t.Fatalf("%q, %v", got, err)
			}
			if local, ok := errors.AsType[*client.LocalError](err); err != nil && (!ok || local.Err.Error() != test.fails) {
				t.Errorf("%v", err)
			}
		})
	}
}
