//go:build linux

package tools

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"ftpd/bench/peers/process"
)

// nginx serves files with sendfile, and takes them by WebDAV's PUT where it was
// built with that. It puts a body into a temporary file and renames it.
func nginx(find *Finder) Tool {
	return Tool{Name: nginxName, File: "curl", Tree: "curl --parallel", Packages: []string{"nginx", "curl"}, Start: startNginx(find, false)}
}

const nginxName = "nginx"

// secureNginx is the same inside TLS 1.3, without HTTP/2.
func secureNginx(find *Finder) Tool {
	return Tool{Name: nginxName + insideTLS, File: "curl", FileOnly: true, Packages: []string{"nginx", "curl"}, Start: startNginx(find, true)}
}

func startNginx(find *Finder, secure bool) func(context.Context, Place) (*Session, error) {
	return func(ctx context.Context, p Place) (*Session, error) {
		found, err := find.program(ctx, "nginx", "usr/sbin/nginx")
		if err != nil {
			return nil, err
		}
		curl, err := find.program(ctx, "curl", "usr/bin/curl")
		if err != nil {
			return nil, err
		}
		address, _, err := freeAddress()
		if err != nil {
			return nil, err
		}
		puts, err := takesFiles(ctx, found)
		if err != nil {
			return nil, err
		}
		scheme, tls := "http", ""
		if secure {
			scheme = "https"
			if tls, err = nginxTLS(p); err != nil {
				return nil, err
			}
		}
		config, err := p.write("nginx.conf", nginxConfig(p, address, tls, puts))
		if err != nil {
			return nil, err
		}
		c := process.Command{Line: []string{found.path, "-p", p.Scratch, "-c", config, "-e", "stderr"}, Env: found.env, Workers: runtime.NumCPU()}
		return serve(ctx, address, c, func(address string) Client { return httpClient(curl, p, scheme+"://"+address+"/", puts) })
	}
}

// nginxTLS returns what nginx is to be told of TLS.
func nginxTLS(p Place) (string, error) {
	certificate, key, err := p.identity()
	return fmt.Sprintf("ssl_certificate %s;\nssl_certificate_key %s;\nssl_protocols TLSv1.3;\n", certificate, key), err
}

// takesFiles says whether nginx has the module for PUT.
func takesFiles(ctx context.Context, nginx program) (bool, error) {
	cmd := exec.CommandContext(ctx, nginx.path, "-V")
	cmd.Env = append(os.Environ(), nginx.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return false, fmt.Errorf("nginx -V: %w: %s", err, out)
	}
	return strings.Contains(string(out), "http_dav_module"), nil
}

// nginxConfig is the whole configuration; tls is what belongs to TLS, if anything.
func nginxConfig(p Place, address, tls string, puts bool) string {
	var text strings.Builder
	if os.Getuid() == 0 { // its workers would become somebody who may not read what root wrote
		text.WriteString("user root root;\n")
	}
	fmt.Fprintf(&text, "daemon off;\nworker_processes %d;\npid %s/pid;\nerror_log stderr error;\nevents {}\n", runtime.NumCPU(), p.Scratch)
	text.WriteString("http {\naccess_log off;\nsendfile on;\ntcp_nopush on;\nkeepalive_requests 1000000;\nclient_max_body_size 0;\n")
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&text, "%s_temp_path %s/%s;\n", kind, p.Scratch, kind)
	}
	listen := address
	if tls != "" {
		listen += " ssl"
	}
	fmt.Fprintf(&text, "server {\nlisten %s;\nroot %s;\n%s", listen, p.Root, tls)
	if puts {
		text.WriteString("location / { dav_methods PUT; create_full_put_path on; dav_access user:rw group:r all:r; }\n")
	}
	text.WriteString("}\n}\n")
	return text.String()
}

func httpClient(curl program, p Place, url string, puts bool) Client {
	run := func(words ...string) process.Command {
		return process.Command{Line: append([]string{curl.path, "-sS", "-f", "-k"}, words...), Env: curl.env}
	}
	parallel := func(list string, err error) (process.Command, error) {
		if err != nil {
			return process.Command{}, err
		}
		return run("--no-progress-meter", "--parallel", "--parallel-max", "10", "--create-dirs", "-K", list), nil
	}
	return Client{
		Put: func(c Copy) (process.Command, error) {
			switch {
			case !puts:
				return process.Command{}, ErrUnsupported
			case c.Tree:
				return parallel(p.list(c.Local, func(name string) string {
					return fmt.Sprintf("upload-file = %q\nurl = %q\n", filepath.Join(c.Local, name), url+c.Remote+"/"+name)
				}))
			}
			return run("-T", c.Local, url+c.Remote), nil
		},
		Get: func(c Copy) (process.Command, error) {
			if c.Tree {
				return parallel(p.list(p.remote(c.Remote), func(name string) string {
					return fmt.Sprintf("url = %q\noutput = %q\n", url+c.Remote+"/"+name, filepath.Join(c.Local, name))
				}))
			}
			return run("-o", c.Local, url+c.Remote), nil
		},
	}
}

// list writes what curl is to do with each file of a tree: it is given the
// names, which other clients find out in the time measured.
func (p Place) list(tree string, entry func(name string) string) (string, error) {
	var text strings.Builder
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(tree, path)
		text.WriteString(entry(name))
		return err
	})
	if err != nil {
		return "", err
	}
	return p.write("list", text.String())
}
