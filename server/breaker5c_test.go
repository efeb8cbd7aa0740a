//go:build unix

package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ftpd/client"
)

func TestBreakerSignals(t *testing.T) {
	p := populate(t)
	mine := p.keyed("alice")
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir(), "--users", p.file, "--drain-timeout", "4s")
	var silent []net.Conn
	defer func() {
		for _, c := range silent {
			c.Close()
		}
	}()
	for i := range 1000 {
		c, err := net.Dial("tcp", d.address)
		if err != nil {
			break
		}
		silent = append(silent, c)
		if i%2 == 0 {
			c.Write([]byte{22, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3})
		}
	}
	var g sync.WaitGroup
	var mu sync.Mutex
	n, errs := 0, map[string]int{}
	stop := make(chan struct{})
	for k := range 6 {
		g.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := client.Dial(t.Context(), d.address, &client.Options{TLS: blind(), Login: &client.Login{User: "alice", Signers: []ssh.Signer{mine}}})
				_ = mine
				if err == nil {
					_, err = c.Put(t.Context(), fmt.Sprint("f", k), strings.NewReader(strings.Repeat("abc", 1<<20)), nil)
					if err == nil {
						_, err = c.Get(t.Context(), fmt.Sprint("f", k), io.Discard, nil)
					}
					c.Close()
				}
				mu.Lock()
				n++
				if err != nil {
					errs[err.Error()[:min(70, len(err.Error()))]]++
				}
				mu.Unlock()
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	for i := range 60 {
		syscall.Kill(d.cmd.Process.Pid, syscall.SIGHUP)
		if i%10 == 5 {
			p.must("set", "alice", "--quota", fmt.Sprint(100+i, "M"))
		}
		time.Sleep(40 * time.Millisecond)
	}
	began := time.Now()
	syscall.Kill(d.cmd.Process.Pid, syscall.SIGTERM)
	time.AfterFunc(500*time.Millisecond, func() { close(stop) })
	done := make(chan error, 1)
	go func() { done <- d.cmd.Wait() }()
	select {
	case err := <-done:
		t.Logf("ended after %v: %v", time.Since(began), err)
	case <-time.After(20 * time.Second):
		t.Error("still there after 20 s")
		d.cmd.Process.Kill()
	}
	g.Wait()
	log := d.log.String()
	t.Logf("%d rounds, errors %v", n, errs)
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, "panic") || strings.Contains(line, "ERROR") || strings.Contains(line, "RACE") || strings.Contains(line, "WARN") {
			t.Logf("%.300s", line)
		}
	}
}
