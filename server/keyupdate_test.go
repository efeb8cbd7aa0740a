//go:build unix

package server

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"hash"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"ftpd/client"
	"ftpd/protocol"
)

func expandLabel(h func() hash.Hash, secret []byte, label string, n int) []byte {
	l := "tls13 " + label
	info := append([]byte{byte(n >> 8), byte(n), byte(len(l))}, l...)
	info = append(info, 0)
	out, err := hkdf.Expand(h, secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return out
}

func keyUpdates(secret []byte, suite uint16, n int, requested byte) []byte {
	app := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "x"})
	for len(app) < n/16+100 {
		app = protocol.Append(app, 1, protocol.Ping{Position: uint64(len(app))})
	}
	h, keyLen := sha256.New, 16
	if suite == tls.TLS_AES_256_GCM_SHA384 {
		h, keyLen = sha512.New384, 32
	}
	var out bytes.Buffer
	for i := range n {
		key, iv := expandLabel(h, secret, "key", keyLen), expandLabel(h, secret, "iv", 12)
		b, _ := aes.NewCipher(key)
		a, _ := cipher.NewGCM(b)
		plain := []byte{24, 0, 0, 1, requested, 22}
		head := []byte{23, 3, 3, 0, byte(len(plain) + 16)}
		if i%16 == 15 {
			p1 := []byte{app[0], 23}
			app = app[1:]
			h1 := []byte{23, 3, 3, 0, byte(len(p1) + 16)}
			iv1 := bytes.Clone(iv)
			out.Write(a.Seal(h1, iv1, p1, h1))
			iv[11] ^= 1
		}
		out.Write(a.Seal(head, iv, plain, head))
		secret = expandLabel(h, secret, "traffic upd", h().Size())
	}
	return out.Bytes()
}

func TestBreakerKeyUpdates(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	if n == 0 {
		n = 400000
	}
	for _, requested := range []byte{0, 1} {
		t.Run(fmt.Sprint(requested), func(t *testing.T) {
			address, log := secureServer(t, Config{Root: t.TempDir()})
			var keys bytes.Buffer
			raw, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			config := anyServer()
			config.KeyLogWriter = &keys
			c := tls.Client(raw, config)
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			var secret []byte
			for _, line := range strings.Split(keys.String(), "\n") {
				if f := strings.Fields(line); len(f) == 3 && f[0] == "CLIENT_TRAFFIC_SECRET_0" {
					secret, _ = hex.DecodeString(f[2])
				}
			}
			t.Logf("suite %x secret %x", c.ConnectionState().CipherSuite, secret)
			go func() { b := make([]byte, 10); _, err := c.Read(b); t.Log("client read:", err) }()
			began := time.Now()
			flood := keyUpdates(secret, c.ConnectionState().CipherSuite, n, requested)
			t.Logf("made %d bytes in %v", len(flood), time.Since(began))
			other, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer()})
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			done := make(chan error, 1)
			began = time.Now()
			go func() { _, err := raw.Write(flood); done <- err }()
			worst := time.Duration(0)
			pings := 0
			for running := true; running; {
				at := time.Now()
				if _, err := other.Stat(t.Context(), ""); err != nil {
					t.Log("stat: ", err)
					running = false
				}
				worst = max(worst, time.Since(at))
				pings++
				select {
				case err := <-done:
					t.Log("flood written", err, time.Since(began))
				case <-time.After(5 * time.Millisecond):
				}
				if time.Since(began) > 4*time.Second {
					running = false
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			t.Logf("worst answer to another client: %v (of %d); heap %d MB -> %d MB", worst, pings, before.HeapAlloc>>20, after.HeapAlloc>>20)
			t.Logf("%.1500s", log)
			time.Sleep(50 * time.Millisecond)
			t.Logf("%.1500s", log)
		})
	}
}
