//go:build unix

package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// ErrServed is returned by New for a file with secrets that lies in the served directory.
var ErrServed = errors.New("it lies in the served directory, where clients could get or replace it; keep it elsewhere")

// keepSecret refuses to serve what a server must keep to itself.
func keepSecret(config Config) error {
	var secrets []string
	if config.Users != "" {
		secrets = append(secrets, config.Users)
	}
	if config.Identity != nil {
		secrets = append(secrets, config.Identity.Key())
	}
	root, err := realPath(config.Root)
	if err != nil {
		return nil // it is told when it is opened
	}
	for _, name := range secrets {
		path, err := realPath(name)
		if err != nil {
			continue // likewise
		}
		if below, err := filepath.Rel(root, path); err == nil && below != ".." && !strings.HasPrefix(below, "../") {
			return fmt.Errorf("%s: %w", name, ErrServed)
		}
	}
	return nil
}

// realPath returns a path that is absolute and has no link.
func realPath(name string) (string, error) {
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}
