//go:build linux

package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers each piece of input with what answer makes of it, until the test
// ends; nil closes the connection. It returns where.
func serve(t *testing.T, answer func(conn int, data []byte) []byte) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for number := 0; ; number++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 1024)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					reply := answer(number, buf[:n])
					if reply == nil {
						return
					}
					if _, err := conn.Write(reply); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func upper(_ int, data []byte) []byte { return bytes.ToUpper(data) }

// do has a generator carry out commands and returns its reports.
func do(t *testing.T, address string, commands ...Command) []Report {
	t.Helper()
	var in, out bytes.Buffer
	for _, c := range commands {
		if err := json.NewEncoder(&in).Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	// The generator keeps its thread: it runs on a goroutine that ends with it.
	done := make(chan error, 1)
	go func() { done <- Serve(address, &in, &out) }()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var reports []Report
	for decoder := json.NewDecoder(&out); ; {
		var r Report
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
	}
	if len(reports) != len(commands) {
		t.Fatalf("%d reports of %d commands", len(reports), len(commands))
	}
	return reports
}

func active(count, heavy int) Command {
	return Command{Active: count, Heavy: heavy, Warm: 5 * time.Millisecond, Measure: 50 * time.Millisecond, PID: os.Getpid()}
}

func TestReports(t *testing.T) {
	var asked atomic.Int64
	address := serve(t, func(conn int, data []byte) []byte {
		asked.Add(1)
		return bytes.ToUpper(data)
	})
	reports := do(t, address, Command{Idle: 100}, active(5, 0))
	if r := reports[0]; r.Opened != 100 || r.Trouble != "" || r.Failed != "" {
		t.Errorf("idle: %+v", r)
	}
	r := reports[1]
	if r.Opened != 5 || r.Trouble != "" || r.Failed != "" {
		t.Errorf("active: %+v", r)
	}
	if r.Requests == 0 || int64(r.Requests) > asked.Load() {
		t.Errorf("%d requests are reported, the server saw %d", r.Requests, asked.Load())
	}
	if r.P50 <= 0 || r.P99 < r.P50 || r.P99 > r.Elapsed*2 || r.Elapsed < 50*time.Millisecond {
		t.Errorf("times %v, %v, in %v", r.P50, r.P99, r.Elapsed)
	}
	if r.CPU <= 0 || r.Calls < int64(r.Requests) || r.Sleeps < 0 {
		t.Errorf("usage %+v", r)
	}
}

// The heavy clients are there, and do not count.
func TestHeavyIsNotCounted(t *testing.T) {
	var heavy atomic.Int64
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	address := serve(t, func(_ int, data []byte) []byte {
		if data[0] == '!' {
			heavy.Add(1)
			<-block
		}
		return bytes.ToUpper(data)
	})
	r := do(t, address, active(2, 1))[0]
	if r.Requests == 0 || r.Trouble != "" || heavy.Load() != 1 {
		t.Errorf("%+v, %d heavy requests", r, heavy.Load())
	}
}

func TestTrouble(t *testing.T) {
	tests := []struct {
		name   string
		answer func(int, []byte) []byte
		want   string
	}{
		{"a wrong answer", func(_ int, data []byte) []byte { return data }, errWrong.Error()},
		{"too much of an answer", func(_ int, data []byte) []byte { return append(bytes.ToUpper(data), '!') }, errWrong.Error()},
		{"a close", func(int, []byte) []byte { return nil }, "EOF"},
		{"no answer", func(int, []byte) []byte { return []byte{} }, "no answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range do(t, serve(t, tt.answer), Command{Idle: 3}, active(3, 0)) {
				if !strings.Contains(r.Trouble, tt.want) || r.Opened != 0 || r.Failed != "" {
					t.Errorf("%+v, want trouble with %q", r, tt.want)
				}
			}
		})
	}
}

// The first that is refused ends the opening; those before it stay.
func TestOpensAsManyAsThereCanBe(t *testing.T) {
	address := serve(t, func(conn int, data []byte) []byte {
		if conn >= 70 {
			return nil
		}
		return bytes.ToUpper(data)
	})
	r := do(t, address, Command{Idle: 500})[0]
	if r.Opened != 70 || r.Trouble == "" {
		t.Errorf("%+v, want 70 opened and trouble", r)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	r := do(t, listener.Addr().String(), Command{Idle: 1})[0]
	if r.Opened != 0 || !strings.Contains(r.Trouble, "refused") {
		t.Errorf("%+v", r)
	}
}

func TestServeRefusesNonsense(t *testing.T) {
	if err := Serve("nowhere", strings.NewReader(""), io.Discard); err == nil {
		t.Error("no error for an address that is none")
	}
	failed := make(chan error, 1)
	go func() { failed <- Serve(serve(t, upper), strings.NewReader("{"), io.Discard) }()
	if err := <-failed; err == nil {
		t.Error("no error for half a command")
	}
}

func TestQuantile(t *testing.T) {
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 51, 0.99: 100, 1: 100} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if got := Quantile(nil, 0.5); got != 0 {
		t.Errorf("of none: %d", got)
	}
	if !slices.IsSorted(values) {
		t.Error("the values are no longer sorted")
	}
}

func TestLine(t *testing.T) {
	for _, begin := range []string{"request ", "!request "} {
		l := string(line(begin))
		if len(l) != LineSize || !strings.HasPrefix(l, begin) || strings.Index(l, "\n") != LineSize-1 || l == strings.ToUpper(l) {
			t.Errorf("line %q", l)
		}
	}
}
