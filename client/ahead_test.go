package client

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// expectations counts what a transfer expects, and lets a test wait for it.
type expectations struct {
	noProgress
	mu    sync.Mutex
	files int
	all   int
	known chan struct{} // closed when all files are known of
}

func (e *expectations) Expect(files int, _ int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.files += files; e.files == e.all {
		close(e.known)
	}
}

// TestTreeLooksAhead holds up the first file of a tree until the whole tree is
// known of: what is to come does not depend on what is done.
func TestTreeLooksAhead(t *testing.T) {
	const files = 500
	source := t.TempDir()
	for i := range files {
		if err := os.WriteFile(filepath.Join(source, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := serve(t)
	c := connect(t, d.address, nil)
	wait := func() *TransferOptions {
		late, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(cancel)
		progress := &expectations{all: files, known: make(chan struct{})}
		return &TransferOptions{Workers: 1, Progress: progress, OnFile: func(FileEvent) {
			select {
			case <-progress.known:
			case <-late.Done(): // at once for all that follow
				t.Error("the tree is known only as it is transferred")
			}
		}}
	}
	if _, err := c.PutTree(t.Context(), source, "tree", wait()); err != nil {
		t.Error(err)
	}
	if _, err := c.GetTree(t.Context(), "tree", filepath.Join(t.TempDir(), "copy"), wait()); err != nil {
		t.Error(err)
	}
}
