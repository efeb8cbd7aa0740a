package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"ftpd/client"
	"ftpd/protocol"
)

// With --json, standard output carries one object a line: a "file" for each
// file, a "retry" before a lost connection is dialled again, and last, where the
// command got as far as its server, one "summary".
// testdata/transcripts/json.md is the schema for users; a member that does not
// apply is left out. Paths are UTF-8 in JSON, so one that is not stands there
// with U+FFFD for its other bytes, and exactly, in base64, beside it.

// fileRecord is what became of one file, or what is known of it.
type fileRecord struct {
	Type        string       `json:"type"` // "file"
	Op          string       `json:"op"`   // the command
	Remote      string       `json:"remote"`
	RemoteBytes []byte       `json:"remote_base64,omitempty"`
	Local       string       `json:"local,omitempty"`
	LocalBytes  []byte       `json:"local_base64,omitempty"`
	Kind        string       `json:"kind,omitempty"`     // "file", "directory", "symlink", "special file"
	Size        *int64       `json:"size,omitempty"`     // bytes
	Resumed     int64        `json:"resumed,omitempty"`  // bytes of them that an earlier run had transferred
	Repaired    int64        `json:"repaired,omitempty"` // blocks that arrived damaged
	Mode        string       `json:"mode,omitempty"`     // octal permission bits
	Mtime       *time.Time   `json:"mtime,omitempty"`    // RFC 3339, UTC
	Target      string       `json:"target,omitempty"`
	TargetBytes []byte       `json:"target_base64,omitempty"`
	ETag        string       `json:"etag,omitempty"`      // hexadecimal
	Digest      string       `json:"digest,omitempty"`    // hexadecimal
	Algorithm   string       `json:"algorithm,omitempty"` // of the digest of sum
	Seconds     *float64     `json:"seconds,omitempty"`
	Skipped     string       `json:"skipped,omitempty"`
	Action      string       `json:"action,omitempty"` // of mirror --dry-run: "mkdir", "copy" or "remove"
	Error       *errorRecord `json:"error,omitempty"`
}

// errorRecord is an error as the exit status and the words ftpc has for it.
type errorRecord struct {
	Status  status `json:"status"`
	Message string `json:"message"`
}

// retryRecord is a connection that was lost and will be dialled again.
type retryRecord struct {
	Type    string      `json:"type"` // "retry"
	Op      string      `json:"op"`
	Attempt int         `json:"attempt"` // from 1, since something was achieved
	Wait    float64     `json:"wait"`    // seconds until then
	Error   errorRecord `json:"error"`   // what happened
}

// summaryRecord is the last line.
type summaryRecord struct {
	Type        string  `json:"type"` // "summary"
	Op          string  `json:"op"`
	Files       int64   `json:"files"`
	Directories int64   `json:"directories"`
	Failed      int64   `json:"failed"`
	Skipped     int64   `json:"skipped"`
	Bytes       int64   `json:"bytes"`
	Seconds     float64 `json:"seconds"`
}

func (c *call) newRecord(remote string) *fileRecord {
	r := &fileRecord{Type: "file", Op: c.Command.Name, Remote: remote}
	r.RemoteBytes = inexact(remote)
	return r
}

// inexact returns the bytes of a name that JSON cannot hold, nil for others.
func inexact(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

func (r *fileRecord) setLocal(local string) {
	r.Local, r.LocalBytes = local, inexact(local)
}

func (r *fileRecord) setInfo(info client.Info) {
	r.Kind = info.Kind.String()
	r.Mode = octal(info.Mode)
	r.Mtime = utc(info.Mtime)
	r.ETag = etag(info.ETag)
	r.Target, r.TargetBytes = info.Target, inexact(info.Target)
	if info.Kind == client.File {
		r.Size = &info.Size
	}
}

func (r *fileRecord) setResult(result client.Result) {
	r.Size = &result.Size
	r.Resumed = result.Resumed
	r.Repaired = result.Repaired
	r.Mode = octal(result.Mode)
	r.Mtime = utc(result.Mtime)
	r.ETag = etag(result.ETag)
	if result.Digest != (protocol.Digest{}) {
		r.Digest = result.Digest.String()
	}
	seconds := roundedSeconds(result.Duration)
	r.Seconds = &seconds
}

// noted names the error of a path and, with --json, prints its record.
func (c *call) noted(path string, err error) error {
	err = failed(path, err)
	if err != nil && c.Bool("json") {
		r := c.newRecord(path)
		c.setError(r, err)
		c.printRecord(r)
		c.failures.Add(1)
	}
	return err
}

func (c *call) setError(r *fileRecord, err error) {
	if err == nil {
		return
	}
	m := c.out.explain(err)
	r.Error = &errorRecord{Status: statusOf(err), Message: m.text}
}

// printTransfer prints what became of a file of a get or a put.
func (c *call) printTransfer(event client.FileEvent) {
	r := c.newRecord(event.Remote)
	r.setLocal(event.Local)
	r.Skipped = event.Skipped
	c.setError(r, failed(c.source(event), event.Err))
	if event.Err == nil && event.Skipped == "" {
		r.setResult(event.Result)
	}
	c.printRecord(r)
}

func (c *call) printRetry(r client.Retry) {
	text, _ := connectionWords(r.Err, c.out.address)
	c.printRecord(&retryRecord{
		Type: "retry", Op: c.Command.Name, Attempt: r.Attempt, Wait: roundedSeconds(r.Wait),
		Error: errorRecord{connectionStatus(r.Err), text},
	})
}

// summarize prints the summary of a command that failed before it had one, but
// not before it had a server.
func (c *call) summarize() {
	if c.client == nil || c.summarized || !c.Bool("json") {
		return
	}
	c.printSummary(client.Summary{Failed: c.failures.Load(), Duration: time.Since(c.begun)})
}

func (c *call) printSummary(s client.Summary) {
	c.summarized = true
	c.printRecord(&summaryRecord{
		Type: "summary", Op: c.Command.Name,
		Files: s.Files, Directories: s.Directories, Failed: s.Failed + c.unread, Skipped: s.Skipped,
		Bytes: s.Bytes, Seconds: roundedSeconds(s.Duration),
	})
}

// printRecord prints a line and hands it on at once: somebody may be waiting
// for it.
func (c *call) printRecord(record any) {
	var line strings.Builder
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		panic(err) // the records above hold nothing that JSON cannot
	}
	c.out.printf("%s", line.String())
	if c.Command.Name != "ls" {
		c.out.flush()
	}
}

// roundedSeconds leaves off what nobody measured, and the digits of binary fractions.
func roundedSeconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1e6
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%04o", uint32(mode.Perm())) }

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func etag(tag uint64) string {
	if tag == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", tag)
}
