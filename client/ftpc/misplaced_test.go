package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"ftpd/internal/command"
)

// No part of a password is shown that stands where none belongs, however it is written and
// whatever was to be done with it.
func TestMisplacedSecret(t *testing.T) {
	for _, argument := range []string{
		"ftpd://me:xqzw@host/path",
		"ftpds://me:xq/zw@host/path",
		"ftpds://me:12/zw%zz@host/path",
		"ftpd://me:99999/zw@host/path",
		"ftpd://me:xq@zw@host",
		"ftpd://me:xq:zw@host:1/",
		"ftpd://me:xq%40zw@host",
		"ftpd://me:xq%zzzw@host",
		"ftpd://me%zz:xqzw@host",
		"ftpd://me:xqzw%40host/",
		"ftpd://me:xqzw",
		"ftpd://me:xq/zw",
		"ftpd://me@host:xqzw/",
		"ftpd://me@xqzw@host:x",
		"ftpd://:xqzw@host",
		"ftpd://[me:xqzw@host",
		"me:xqzw@host:dir",
		"me:xq/zw@host:dir",
		"me:xq@zw@host:dir",
		"me:xq:zw@host:",
	} {
		t.Run(argument, func(t *testing.T) {
			for _, args := range [][]string{
				{"ls", argument}, {"get", argument, "-d", "."}, {"put", "/dev/null", argument}, {"put", "-d", argument, "/dev/null"},
				{"mirror", argument, "."}, {"ping", argument}, {"trust", argument}, {"-s", argument, "ls"},
				{"profile", "add", "work", argument},
			} {
				cmd := exec.Command("ftpc", args...)
				cmd.Dir = t.TempDir()
				out, _ := cmd.CombinedOutput()
				if cmd.ProcessState.ExitCode() != int(statusUsage) {
					t.Errorf("%q ended with %d: %s", args, cmd.ProcessState.ExitCode(), out)
				}
				if text := string(out); strings.Contains(text, "xq") || strings.Contains(text, "zw") {
					t.Errorf("%q: %s", args, out)
				}
			}
		})
	}
}

// What is not taken for a password by mistake.
func TestNoSecret(t *testing.T) {
	for _, argument := range []string{"a", "a@b", "a@b:c", "12:00@noon", "./me:pw@host:dir", "dir/a:b@c:d", "ftpd://h:1/a@b:c"} {
		if err := refuseSecret(argument); err != nil {
			t.Errorf("%s: %v", argument, err)
		}
	}
	usage, ok := errors.AsType[*command.UsageError](refuseSecret("me:pw@host:dir"))
	if !ok || !strings.Contains(usage.Hint, "ftpds://USER@HOST/PATH") {
		t.Errorf("%v", usage)
	}
}
