//go:build linux

package tools

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"ftpd/bench/peers/process"
)

// pyftpdlib is one process around a selector, as the product is.
func pyftpdlib(find *Finder) Tool {
	start := func(ctx context.Context, p Place) (*Session, error) {
		python, err := find.python(ctx)
		if err != nil {
			return nil, err
		}
		clients, err := ftpClients(ctx, find, p, login{})
		if err != nil {
			return nil, err
		}
		address, port, err := freeAddress()
		if err != nil {
			return nil, err
		}
		script, err := p.write("server.py", pyftpdlibServer)
		if err != nil {
			return nil, err
		}
		return serve(ctx, address, process.Command{Line: []string{python.path, "-W", "ignore", script, p.Root, port}, Env: python.env}, clients)
	}
	return Tool{Name: "pyftpdlib", File: fileClient, Tree: treeClient, Packages: []string{"python3-pyftpdlib", "curl", "lftp"}, Start: start}
}

const pyftpdlibServer = `import logging, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
logging.basicConfig(level=logging.ERROR)
authorizer = DummyAuthorizer()
authorizer.add_anonymous(sys.argv[1], perm="elradfmwMT")
FTPHandler.authorizer = authorizer
FTPServer(("127.0.0.1", int(sys.argv[2])), FTPHandler).serve_forever()
`

// python finds an interpreter that has pyftpdlib: that of the system first,
// which is the one that the package is for.
func (f *Finder) python(ctx context.Context) (program, error) {
	const name = "python3-pyftpdlib"
	if found, ok := f.found[name]; ok {
		return found, nil
	}
	if err := f.wrong[name]; err != nil {
		return program{}, err
	}
	interpreters := []string{"/usr/bin/python3", "python3"}
	for _, path := range interpreters {
		if found := (program{path: path, root: "/"}); found.imports(ctx) {
			f.found[name] = found
			return found, nil
		}
	}
	root, err := f.cache.Root(ctx, name)
	if err == nil {
		env := append(libraries(root), "PYTHONPATH="+filepath.Join(root, "usr/lib/python3/dist-packages"))
		for _, path := range append([]string{filepath.Join(root, "usr/bin/python3")}, interpreters...) {
			if found := (program{path: path, root: root, env: env}); found.imports(ctx) {
				f.found[name] = found
				return found, nil
			}
		}
		err = errors.New("no Python can import pyftpdlib")
	}
	if ctx.Err() == nil {
		f.wrong[name] = err
	}
	return program{}, err
}

func (p program) imports(ctx context.Context) bool {
	cmd := exec.CommandContext(ctx, p.path, "-W", "ignore", "-c", "import pyftpdlib.servers")
	cmd.Env = append(os.Environ(), p.env...)
	return cmd.Run() == nil
}
