package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpd/protocol"
)

// A time that the wire does not hold is none, and shown as "-" where any other
// stands. The server's file system may not hold one either, so it is put into
// what the server sends.
func TestNoTime(t *testing.T) {
	root, address := serveTemp(t)
	late := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, name := range []string{"known", "late"} {
		name = filepath.Join(root, name)
		check(t, os.WriteFile(name, []byte("x"), 0o644))
		check(t, os.Chtimes(name, late, late))
		late = late.Add(time.Second)
	}
	none := int64(protocol.NoTime)
	sent := binary.BigEndian.AppendUint64(nil, uint64(late.Add(-time.Second).UnixNano()))
	for _, test := range []struct{ args, want string }{
		{"ls -l", "-rw-r--r-- 1 2024-02-03 04:05 known\n-rw-r--r-- 1                - late\n"},
		{"stat late", "\ntime: -\n"},
		{"get late", ""},
	} {
		relay := relayThrough(t, address, func(b []byte) error {
			if i := bytes.Index(b, sent); i >= 0 {
				binary.BigEndian.PutUint64(b[i:], uint64(none))
			}
			reseal(b)
			return nil
		})
		cmd := quietCommand(t, relay, strings.Fields(test.args)...)
		cmd.Env = append(cmd.Env, "TZ=UTC")
		out, err := cmd.Output()
		check(t, err)
		if !strings.Contains(string(out), test.want) {
			t.Errorf("%s prints %q", test.args, out)
		}
		if strings.HasPrefix(test.args, "get") {
			info, err := os.Stat(filepath.Join(cmd.Dir, "late"))
			check(t, err)
			if age := time.Since(info.ModTime()); math.Abs(age.Hours()) > 24 {
				t.Errorf("the copy has the time %v", info.ModTime())
			}
		}
	}
}
