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
	start := func(ctx context.Context, p Place) (*Session, error) {
		found, err := find.program(ctx, "vsftpd", "usr/sbin/vsftpd")
		if err != nil {
			return nil, err
		}
		clients, err := ftpClients(ctx, find, p, "")
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
		config, err := p.write("vsftpd.conf", fmt.Sprintf(vsftpdConfig, port, p.Root, self.Username, p.Scratch))
		if err != nil {
			return nil, err
		}
		return serve(ctx, address, process.Command{Line: []string{found.path, config}, Env: found.env}, clients)
	}
	return Tool{Name: "vsftpd", File: fileClient, Tree: treeClient, Packages: []string{"vsftpd", "curl", "lftp"}, Start: start}
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
