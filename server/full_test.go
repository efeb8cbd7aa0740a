//go:build unix

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpd/client"
)

// addUser adds a user whose password is "x".
func addUser(t *testing.T, users, name string, flags ...string) {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"user", "--users", users, "add", name, "--password-file", password}, flags...)
	if out, err := exec.Command(ftpd, args...).CombinedOutput(); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
}

// login connects as a user, and tries once.
func login(t *testing.T, address, user string) (*client.Client, error) {
	t.Helper()
	c, err := client.Dial(t.Context(), address, dialing(client.Options{Retries: -1, Login: &client.Login{
		User:     user,
		Password: func(context.Context) ([]byte, error) { return []byte("x"), nil },
	}}))
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// TestAdministratorEnters has a full server take an administrator, again and again, and
// nobody else.
func TestAdministratorEnters(t *testing.T) {
	for _, full := range []string{"--max-clients", "--max-per-ip"} {
		t.Run(full, func(t *testing.T) {
			t.Parallel()
			users := filepath.Join(t.TempDir(), "users")
			addUser(t, users, "root", "--allow", "read,list,admin")
			addUser(t, users, "ann", "--allow", "read,list")
			d := run(t, t.TempDir(), full, "1", "--users", users, "--anonymous", "ro")
			if err := os.WriteFile(filepath.Join(d.root, "f"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			inside := dial(t, d.address)
			for range 3 {
				c, err := login(t, d.address, "root")
				if err != nil {
					t.Fatal(err)
				}
				if get(t, c, "f") != "x" {
					t.Error("the administrator is not served")
				}
			}
			if _, err := login(t, d.address, "ann"); !errors.Is(err, client.ErrBusy) {
				t.Errorf("a user was told %v", err)
			}
			eventually(t, "that nobody else does anything", func() bool { // the place of ann may still be taken
				c, err := client.Dial(t.Context(), d.address, dialing(client.Options{Retries: -1}))
				if err == nil {
					_, err = c.Stat(t.Context(), "f")
					_ = c.Close()
				}
				if !errors.Is(err, client.ErrBusy) {
					t.Errorf("who does not log in was told %v", err)
				}
				return err != nil
			})
			if get(t, inside, "f") != "x" {
				t.Error("who is inside is not served")
			}
		})
	}
}

// TestUserRate has connections of a user share the bandwidth of the user.
func TestUserRate(t *testing.T) {
	const size, rate = 300_000, 500_000
	users := filepath.Join(t.TempDir(), "users")
	addUser(t, users, "ann", "--allow", "read,list", "--rate-down", fmt.Sprint(rate))
	d := run(t, t.TempDir(), "--users", users)
	if err := os.WriteFile(filepath.Join(d.root, "f"), []byte(strings.Repeat("0123456789", size/10)), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	results := make(chan error)
	for range 2 {
		c, err := login(t, d.address, "ann")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := c.Get(t.Context(), "f", io.Discard, nil)
			results <- err
		}()
	}
	if err := errors.Join(<-results, <-results); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("two files of %d bytes took %s at %d bytes a second", size, took, rate)
	}
}

// TestSecureRate limits what goes through TLS.
func TestSecureRate(t *testing.T) {
	const size, rate = 400_000, 500_000
	root := t.TempDir()
	address, _ := secureServer(t, Config{Root: root, RateDown: rate, RateUp: rate})
	c, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer(), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	content := strings.Repeat("0123456789", size/10)
	begun := time.Now()
	put(t, c, "f", content)
	if get(t, c, "f") != content {
		t.Error("other content came back")
	}
	if took := time.Since(begun); took < 1200*time.Millisecond {
		t.Errorf("a file of %d bytes took %s both ways at %d bytes a second", size, took, rate)
	}
}
