package main

import (
	"regexp"
	"strings"

	"ftpd/internal/command"
)

// maySaySecret tells whether there may be a password in an argument, as in USER:PASSWORD@HOST.
// With a slash, an @ or a colon in it, a password may look like another part of a URL: so one
// that cannot be read is shown only where nothing in it can be a password.
func maySaySecret(s string) bool {
	_, behind, _ := strings.Cut(s, ":")
	return strings.Contains(behind, "@")
}

// secretIn refuses what may hold a password, and does not show it.
func secretIn(what string) error {
	usage := command.Usagef("a password does not belong in a %s, and this one is not shown, for it may hold one", what)
	usage.Hint = "ftpc asks for the password, or reads " + passwordVariable + " or --password-file; in a URL %40 is an @ of a path"
	return usage
}

// remoteOfSecret is what other programs take for a place on a server: USER:PASSWORD@HOST:PATH.
var remoteOfSecret = regexp.MustCompile(`^[^:/@]+:.*@[^:/@]+:`)

// refuseSecret refuses an argument that names a server in the way of other programs, and the
// password with it: as a path, it would be sent and stored.
func refuseSecret(argument string) error {
	if isURL(argument) || !remoteOfSecret.MatchString(argument) {
		return nil
	}
	usage := command.Usagef("a server is named by a URL, and the argument is not shown, for it may hold a password")
	usage.Hint = secureScheme + "USER@HOST/PATH asks for the password; ./ begins a path like that"
	return usage
}
