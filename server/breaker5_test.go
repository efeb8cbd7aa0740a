//go:build unix

package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ftpd/client"
)

// refused TLS client that dribbles its handshake
func TestBreakerRefusedDribble(t *testing.T) {
	address, log := secureServer(t, Config{Root: t.TempDir(), MaxClients: 1, HandshakeTimeout: time.Second})
	in, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	b := append([]byte{22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0}, make([]byte, 100)...)
	closed := make(chan struct{})
	go func() { io.Copy(io.Discard, conn); close(closed) }()
	for i := range 16 {
		if _, err := conn.Write(b[i : i+1]); err != nil {
			break
		}
		select {
		case <-closed:
			t.Logf("closed after %v", time.Since(began))
			return
		case <-time.After(time.Second):
		}
	}
	t.Errorf("after %v the refused one is still there; log %s", time.Since(began), log)
}

func TestBreakerStorm(t *testing.T) {
	before := runtime.NumGoroutine()
	root := t.TempDir()
	address, _ := secureServer(t, Config{Root: root, Memory: 8 << 20, RateDown: 40 << 20, RateUp: 40 << 20, AddressRateDown: 30 << 20, HandshakeTimeout: 3 * time.Second, StallTimeout: 5 * time.Second, MaxClients: 3000})
	big := make([]byte, 3<<20+777)
	rand.NewChaCha8([32]byte{3}).Read(big)
	os.WriteFile(filepath.Join(root, "big"), big, 0o600)
	src := t.TempDir()
	os.WriteFile(filepath.Join(src, "f"), big, 0o600)
	ctx, stop := context.WithTimeout(t.Context(), 35*time.Second)
	defer stop()
	var silent []net.Conn
	for range 600 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			silent = append(silent, c)
		}
	}
	var g sync.WaitGroup
	var mu sync.Mutex
	errs := map[string]int{}
	ok := 0
	note := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			ok++
			return
		}
		s := err.Error()
		errs[s[:min(len(s), 90)]]++
	}
	for n := range 10 {
		g.Go(func() {
			c, err := client.Dial(ctx, address, &client.Options{TLS: anyServer()})
			if err != nil {
				note(err)
				return
			}
			defer c.Close()
			for i := 0; ctx.Err() == nil; i++ {
				if n%2 == 0 {
					var out strings.Builder
					f, err := c.Get(ctx, "big", &out, nil)
					_ = f
					if err == nil && out.String() != string(big) {
						err = fmt.Errorf("DAMAGED")
					}
					note(err)
				} else {
					_, err := c.Put(ctx, fmt.Sprint("up", n), strings.NewReader(string(big)), nil)
					note(err)
				}
			}
		})
	}
	for range 8 { // killed, half open, slow
		g.Go(func() {
			for ctx.Err() == nil {
				raw, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				switch rand.IntN(4) {
				case 0:
					raw.Write([]byte{22, 3, 1, 1, 0, 1})
					time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
				case 1:
					c := tls.Client(raw, anyServer())
					c.SetDeadline(time.Now().Add(time.Duration(rand.IntN(8)) * time.Millisecond))
					c.Handshake()
				case 2:
					c, err := client.Dial(ctx, address, &client.Options{TLS: anyServer()})
					if err == nil {
						x, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(60))*time.Millisecond)
						c.Get(x, "big", io.Discard, nil)
						cancel()
						c.Close()
					}
				case 3:
					c := tls.Client(raw, anyServer())
					c.Handshake()
					c.Write([]byte(strings.Repeat("x", rand.IntN(100))))
					raw.(*net.TCPConn).SetLinger(0)
				}
				raw.Close()
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	g.Wait()
	for _, c := range silent {
		c.Close()
	}
	t.Logf("ok %d, errors %v", ok, errs)
	time.Sleep(6 * time.Second)
	t.Logf("goroutines %d before, %d after", before, runtime.NumGoroutine())
	_ = syscall.SIGHUP
}
