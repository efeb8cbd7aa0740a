//go:build linux

package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ftpd/bench/peers/tools"
)

// known are results that are easy to calculate with.
func known() results {
	r := results{about: []string{"a machine", "a command, with a comma"}}
	add := func(d direction, k kind, tool string, millis ...int) {
		for _, w := range millis {
			r.samples = append(r.samples, sample{
				row: row{place: "/mem", task: task{d, k}, tool: tool}, client: "client of " + tool,
				wall: time.Duration(w) * time.Millisecond, onClient: 20*time.Millisecond + 1, onServer: 30 * time.Millisecond,
			})
		}
	}
	file, tree := kind{0, 100 << 20}, kind{10_000, smallFile}
	add(get, file, tools.Reference, 100, 90, 300)
	add(get, file, tools.Product, 200, 100)
	add(get, file, tools.Bare, 75) // is no peer
	add(get, file, "vsftpd", 200)
	add(get, file, tools.Rsync, 400)
	add(get, file, tools.ProductTLS, 180)
	add(get, file, "nginx, TLS", 300)
	add(get, file, "vsftpd, TLS", 360)
	add(put, tree, tools.Reference, 1000)
	add(put, tree, tools.Product, 300)
	add(put, tree, tools.ProductQuick, 900)
	add(put, tree, tools.Rsync, 1000)
	return r
}

func TestCSV(t *testing.T) {
	var text strings.Builder
	if err := known().writeCSV(&text); err != nil {
		t.Fatal(err)
	}
	got, err := readCSV(strings.NewReader(text.String()))
	if err != nil || !reflect.DeepEqual(got, known()) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, known())
	}
	for _, bad := range []string{"", "# only\n", "a,b\n", strings.Replace(text.String(), "10000,", "many,", 1), strings.Replace(text.String(), "0.090000000", "x", 1)} {
		if _, err := readCSV(strings.NewReader(bad)); err == nil {
			t.Errorf("taken:\n%s", bad)
		}
	}
}

func TestTables(t *testing.T) {
	text := known().markdown()
	for _, line := range []string{
		"- a command, with a comma",
		"| /mem | get one file of 100 MiB | ftpd, durability commit | 1.50 > 1.00 | 0.38 | 0.75 > 0.65 | vsftpd | 2.00 |",
		"| /mem | put 10,000 files of 4 KiB | ftpd, durability commit | **0.30** ≤ 0.90 | **0.30** ≤ 0.33 | 0.30 | rsync --daemon |  |",
		"| /mem | put 10,000 files of 4 KiB | ftpd, durability none | **0.90** ≤ 0.90 | 0.90 > 0.33 | 0.90 | rsync --daemon |  |",
		"| /mem | get one file of 100 MiB | ftpd, durability commit, TLS | **1.20** ≤ 1.50 | **0.60** ≤ 0.70 | nginx, TLS |",
		"### Get one file of 100 MiB in /mem",
		"| cp | client of cp | 3 | 0.100 | 0.090–0.300 | 1,000 | 1.00 | 0.67 | 0.020 | 0.030 |",
		"| rsync --daemon | client of rsync --daemon | 1 | 1.000 | 1.000–1.000 | 10,000 | 1.00 | 3.33 | 0.020 | 0.030 |",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if strings.Contains(text, "Put one file") {
		t.Errorf("a table without rows:\n%s", text)
	}
	if fast, slow := strings.Index(text, "| cp | client"), strings.Index(text, "| vsftpd | client"); fast > slow {
		t.Errorf("the fastest is not first:\n%s", text)
	}
}

func TestCharts(t *testing.T) {
	c := known().chart("/mem")
	if len(c.Panels) != 4 || c.Name != "copies-mem" {
		t.Errorf("%d panels, %s", len(c.Panels), c.Name)
	}
	if err := c.Save(t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestMedian(t *testing.T) {
	if got := median([]sample{{wall: 9}, {wall: 1}, {wall: 5}}, wall); got != 5 {
		t.Errorf("of three: %d", got)
	}
	if got := median([]sample{{wall: 9}, {wall: 1}, {wall: 5}, {wall: 3}}, wall); got != 4 {
		t.Errorf("of four: %d", got)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1000: "1000 bytes", 1 << 10: "1 KiB", 3 << 20: "3 MiB", 1 << 30: "1 GiB", 1<<30 + 1: "1073741825 bytes"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 100_000: "100,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestPathsOfTheCommandStayOut(t *testing.T) {
	got := withoutPaths([]string{"-bin", "../bin", "-runs", "5", "--out=x", "-cache", "y", "-many=0"})
	if want := []string{"-runs", "5", "-many=0"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLoad(t *testing.T) {
	for text, busy := range map[string]bool{"0.10 9.00 9.00 1/2 3": false, "1.00 0.00 0.00 1/2 3": true} {
		got := describeLoad(text, 2)
		if !strings.HasPrefix(got, text[:14]) || strings.Contains(got, "other programs") != busy {
			t.Errorf("%q", got)
		}
	}
	if got := describeLoad("", 2); got != "unknown" {
		t.Errorf("%q", got)
	}
}

func TestKeptCopiesAreBounded(t *testing.T) {
	p := &place{dir: t.TempDir()}
	k := kind{keepMax/2 + 1, 1}
	var entries []string
	for range 3 {
		into, _, err := p.next(k)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, into)
	}
	// The third found two, which were too many.
	for i, want := range []bool{false, false, true} {
		if got := exists(t, p.dir, entries[i]); got != want {
			t.Errorf("copy %d is there: %v", i+1, got)
		}
	}
	if p.kept != k.files {
		t.Errorf("%d files are counted, want %d", p.kept, k.files)
	}
	p.memory = true
	if _, _, err := p.next(k); err != nil || exists(t, p.dir, entries[2]) {
		t.Errorf("a copy stays in memory: %v", err)
	}
}

func TestUnlock(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a", "c"), nil, 0); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/b", "a"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := unlock(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"a": 0o700, "a/b": 0o700, "a/c": 0o400} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := remove(dir); err != nil || exists(t, dir) {
		t.Errorf("it is there: %v", err)
	}
}

func exists(t *testing.T, elements ...string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(elements...))
	return err == nil
}
