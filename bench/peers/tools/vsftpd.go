//go:build linux

package tools

import (
	"context"
	"fmt"
	"os/user"

	"ftpd/bench/peers/process"
)

// vsftpd serves anonymous clients, as the user who runs it, so that it needs
// neither root nor a user of its own.
func vsftpd(find *Finder) Tool {
	return Tool{Name: vsftpdName, File: fileClient, Tree: treeClient, Packages: []string{"vsftpd", "curl", "lftp"}, Start: startVsftpd(find, false)}
}

const vsftpdName = "vsftpd"

// secureVsftpd is the same inside TLS, commands and data.
func secureVsftpd(find *Finder) Tool {
	return Tool{Name: vsftpdName + insideTLS, File: fileClient, FileOnly: true, Packages: []string{"vsftpd", "curl"}, Start: startVsftpd(find, true)}
}

func startVsftpd(find *Finder, secure bool) func(context.Context, Place) (*Session, error) {
	return func(ctx context.Context, p Place) (*Session, error) {
		found, err := find.program(ctx, "vsftpd", "usr/sbin/vsftpd")
		if err != nil {
			return nil, err
		}
		clients, err := ftpClients(ctx, find, p, login{secure: secure})
		if err != nil {
			return nil, err
		}
		address, port, err := freeAddress()
		if err != nil {
			return nil, err
		}
		self, err := user.Current()
		if err != nil {
			return nil, err
		}
		text := fmt.Sprintf(vsftpdConfig, port, p.Root, self.Username, p.Scratch)
		if secure {
			certificate, key, err := p.identity()
			if err != nil {
				return nil, err
			}
			text += fmt.Sprintf(vsftpdTLS, certificate, key)
		}
		config, err := p.write("vsftpd.conf", text)
		if err != nil {
			return nil, err
		}
		return serve(ctx, address, process.Command{Line: []string{found.path, config}, Env: found.env}, clients)
	}
}

const vsftpdConfig = `listen=YES
listen_address=127.0.0.1
listen_port=%s
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
anon_root=%s
ftp_username=%s
secure_chroot_dir=%s
run_as_launching_user=YES
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
allow_writeable_chroot=YES
seccomp_sandbox=NO
xferlog_enable=NO
`

const vsftpdTLS = `ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=NO
ssl_ciphers=HIGH
rsa_cert_file=%s
rsa_private_key_file=%s
`
