// Package trialtest is for the tests of the programs that try the product.
package trialtest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Programs builds ftpd and ftpc and returns their directory.
func Programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "ftpd/server/ftpd", "ftpd/client/ftpc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as they are installed: a server with cgo is not confined
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// Run runs a program with temporary files where they can be counted: none may be left.
func Run(ctx context.Context, t *testing.T, run func(ctx context.Context, args []string, stdout, stderr io.Writer) int, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out, problems strings.Builder
	status = run(ctx, args, &out, &problems)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return status, out.String(), problems.String()
}
