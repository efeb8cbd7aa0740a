package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ftpd/internal/command"
	"ftpd/internal/ownfile"
)

// profile is a directory of a server with a name of its own, and what is needed to be let in.
// A line of the file of profiles is its name, its URL and what else there is:
//
//	work ftpds://me@host/dir fingerprint=SHA256:... identity="/home/me/a key"
type profile struct {
	name         string
	on           server
	dir          string // a path on the server; empty is the served directory
	ca           string // as the flags of these names; empty where there is none
	fingerprint  string
	identity     string
	passwordFile string
}

// profiles are those of the user, in the order of the file.
type profiles struct {
	file string
	list []profile
}

// isProfileName tells what a profile may be called. A single letter could be a drive of
// Windows, and a scheme begins a URL.
func isProfileName(s string) bool {
	if len(s) < 2 || isURL(s+"://") {
		return false
	}
	for i, r := range s {
		word := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
		if !word && (i == 0 || r != '-' && r != '.') {
			return false
		}
	}
	return true
}

// cutProfile takes apart an argument that may begin with the name of a profile.
func cutProfile(argument string) (name, path string, ok bool) {
	name, path, ok = strings.Cut(argument, ":")
	return name, path, ok && !isURL(argument) && isProfileName(name)
}

func loadProfiles() (*profiles, error) {
	file, err := ownfile.Path("ftpc", "profiles")
	if err != nil {
		return nil, fmt.Errorf("no place for profiles: %w", err)
	}
	text, err := ownfile.Read(file)
	if err != nil {
		return nil, ownFileError(file, err)
	}
	p := &profiles{file: file}
	p.list, err = parseProfiles(text)
	return p, ownFileError(file, err)
}

func (p *profiles) find(name string) *profile {
	if i := slices.IndexFunc(p.list, func(p profile) bool { return p.name == name }); i >= 0 {
		return &p.list[i]
	}
	return nil
}

// change replaces the profiles, in the file as well, by what edit makes of those that are
// there now.
func (p *profiles) change(ctx context.Context, edit func([]profile) ([]profile, error)) error {
	refused := error(nil)
	err := ownfile.Update(ctx, p.file, func(old []byte) ([]byte, error) {
		list, err := parseProfiles(old)
		if err != nil {
			return nil, err
		}
		if list, refused = edit(list); refused != nil {
			return nil, refused
		}
		var text []byte
		for _, one := range list {
			text = append(text, one.String()+"\n"...)
		}
		return text, nil
	})
	if refused != nil {
		return refused
	}
	return ownFileError(p.file, err)
}

func parseProfiles(text []byte) ([]profile, error) {
	var list []profile
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		one, err := parseProfile(string(bytes.TrimSpace(line)))
		if err == nil && slices.ContainsFunc(list, func(p profile) bool { return p.name == one.name }) {
			err = errors.New(one.name + " is there already")
		}
		if err != nil {
			return nil, errors.New("line " + strconv.Itoa(number) + ": " + err.Error())
		}
		list = append(list, one)
	}
	return list, nil
}

// parseProfile reads what String writes.
func parseProfile(line string) (profile, error) {
	name, rest, _ := strings.Cut(line, " ")
	given, rest, _ := strings.Cut(rest, " ")
	p, err := newProfile(name, given)
	for err == nil && rest != "" {
		var key, value string
		key, rest, _ = strings.Cut(rest, "=")
		if value, rest, err = cutWord(rest); err == nil {
			err = p.set(key, value)
		}
	}
	return p, err
}

// cutWord takes the first word of a line, which may be quoted.
func cutWord(line string) (word, rest string, err error) {
	if !strings.HasPrefix(line, `"`) {
		word, rest, _ = strings.Cut(line, " ")
		return word, rest, nil
	}
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", "", err
	}
	word, err = strconv.Unquote(quoted)
	return word, strings.TrimPrefix(line[len(quoted):], " "), err
}

// newProfile makes one of its name and URL.
func newProfile(name, given string) (profile, error) {
	if !isProfileName(name) {
		usage := command.Usagef("%q is no name for a profile", name)
		usage.Hint = "it has two letters, digits or _ at least, and - and . within"
		return profile{}, usage
	}
	t, err := parseTarget(given)
	switch {
	case err != nil:
		return profile{}, err
	case maySaySecret(given) && !isURL(given):
		return profile{}, secretIn("URL")
	case t.server.address == "":
		usage := command.Usagef("%s names no server", given)
		usage.Hint = "the directory of a profile is " + secureScheme + "[USER@]HOST[:PORT]/[DIR]"
		return profile{}, usage
	case t.pattern != "":
		return profile{}, command.Usagef("%s is a pattern, and a profile is one directory", given)
	}
	return profile{name: name, on: t.server, dir: strings.Trim(t.path, "/")}, nil
}

// reliance returns what the user relies on with a profile; nothing where there is none.
func (p *profile) reliance() reliance {
	if p == nil {
		return reliance{}
	}
	return reliance{ca: p.ca, fingerprint: p.fingerprint, origin: "profile " + p.name}
}

// options are what a profile has besides its URL, by name.
func (p *profile) options() []option {
	return []option{{"ca", &p.ca}, {"fingerprint", &p.fingerprint}, {"identity", &p.identity}, {"password-file", &p.passwordFile}}
}

type option struct {
	name  string
	value *string
}

func (p *profile) set(name, value string) error {
	for _, s := range p.options() {
		if s.name == name {
			*s.value = value
			return nil
		}
	}
	return fmt.Errorf("%q is nothing that a profile has", name)
}

// String returns the line of the file.
func (p profile) String() string {
	var b strings.Builder
	b.WriteString(p.name + " " + p.url())
	for _, s := range p.options() {
		if *s.value != "" {
			b.WriteString(" " + s.name + "=" + quoteSpaces(*s.value))
		}
	}
	return b.String()
}

// quoteSpaces quotes what would not be read as one word.
func quoteSpaces(s string) string {
	if quoted := strconv.Quote(s); len(quoted) != len(s)+2 || strings.Contains(s, " ") {
		return quoted
	}
	return s
}

// url returns the URL of the directory.
func (p profile) url() string {
	return p.on.url() + "/" + noPattern.Replace((&url.URL{Path: p.dir}).EscapedPath())
}

// noPattern escapes what a URL may hold and a pattern knows.
var noPattern = strings.NewReplacer("*", "%2A", "[", "%5B", "]", "%5D")

// below returns the URL of a path below the directory, which may be a pattern. What names the
// directory itself ends in a slash, as that of no file does.
func (p profile) below(path string) string {
	begin := p.url()
	if p.dir != "" {
		begin += "/"
	}
	return begin + strings.ReplaceAll(path, "%", "%25")
}
