package main

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The schema for users lists the members that the records have, and no other.
func TestSchemaIsTheRecords(t *testing.T) {
	text, err := os.ReadFile("../../testdata/transcripts/json.md")
	if err != nil {
		t.Fatal(err)
	}
	before, summary, ok := strings.Cut(string(text), "\nA `summary`:\n")
	file, retry, also := strings.Cut(before, "\nA `retry`, ")
	if !ok || !also {
		t.Fatal("the schema has no summary or no retry")
	}
	if diff := cmp.Diff(members(retryRecord{}), documented(retry)); diff != "" {
		t.Errorf("retry: %s", diff)
	}
	if diff := cmp.Diff(members(fileRecord{}), documented(file)); diff != "" {
		t.Errorf("file: %s", diff)
	}
	if diff := cmp.Diff(members(summaryRecord{}), documented(summary)); diff != "" {
		t.Errorf("summary: %s", diff)
	}
}

func TestRoundedSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1690853504 * time.Nanosecond: "1.690854", time.Minute: "60", 400: "0", 0: "0",
	} {
		if text, err := json.Marshal(roundedSeconds(d)); err != nil || string(text) != want {
			t.Errorf("%v is %s, not %s", d, text, want)
		}
	}
}

func members(record any) map[string]bool {
	names := make(map[string]bool)
	for _, f := range reflect.VisibleFields(reflect.TypeOf(record)) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}

// documented returns the names in the first column of a table.
func documented(table string) map[string]bool {
	names := make(map[string]bool)
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		column, _, _ := strings.Cut(line[1:], "|")
		for _, name := range regexp.MustCompile("[a-z0-9_]+").FindAllString(column, -1) {
			names[name] = true
		}
	}
	return names
}
