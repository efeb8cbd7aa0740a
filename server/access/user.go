package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"ftpd/protocol"
	"ftpd/server/session"
	"ftpd/server/storage"
)

// User is one line of the users file, a JSON object. Numbers are 0 where there is no
// limit.
type User struct {
	Name        string              `json:"name"`
	Home        string              `json:"home,omitempty"` // below the root, with slashes; empty is the root itself
	Allow       session.Permissions `json:"allow"`
	QuotaBytes  int64               `json:"quota_bytes,omitempty"`
	QuotaFiles  int64               `json:"quota_files,omitempty"`
	Connections int                 `json:"connections,omitempty"` // at once
	RateUp      int64               `json:"rate_up,omitempty"`     // bytes a second to the server
	RateDown    int64               `json:"rate_down,omitempty"`   // and from it
	Password    string              `json:"password,omitempty"`    // argon2id in PHC form; empty is none
	Keys        []string            `json:"keys,omitempty"`        // as ParseKeyLine returns them
}

// maxKeys bounds the keys of a user.
const maxKeys = 64

// Check returns what is wrong with a user, or nil.
func (u *User) Check() error {
	if err := CheckName(u.Name); err != nil {
		return err
	}
	home, err := storage.ParsePath(u.Home)
	switch {
	case err != nil:
		return fmt.Errorf("home: %w", err)
	case u.Home != "" && string(home) != u.Home:
		return fmt.Errorf("home: write %q as %q, or leave it out for the root", u.Home, home)
	case u.QuotaBytes < 0 || u.QuotaFiles < 0 || u.Connections < 0 || u.RateUp < 0 || u.RateDown < 0:
		return errors.New("a limit is negative; 0 is none")
	case len(u.Keys) > maxKeys:
		return fmt.Errorf("%d keys are more than %d", len(u.Keys), maxKeys)
	}
	if u.Password != "" {
		if _, err := parsePHC(u.Password); err != nil {
			return err
		}
	}
	for _, line := range u.Keys {
		if _, err := keyBlob(line); err != nil {
			return err
		}
	}
	return nil
}

// CheckName returns why a text is no name of a user, or nil.
func CheckName(name string) error {
	if !protocol.ValidUser(name) || strings.TrimSpace(name) != name {
		return fmt.Errorf("%q is no name of a user: 1 to %d bytes of UTF-8 without control characters, and no space at either end", name, protocol.MaxUser)
	}
	return nil
}

// parseUser reads a line of the file.
func parseUser(line string) (User, error) {
	var u User
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&u); err != nil {
		return u, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return u, errors.New("something stands behind the user")
	}
	return u, u.Check()
}

// parseUsers reads the whole file.
func parseUsers(text string) ([]User, error) {
	var users []User
	lines := map[string]int{} // where each name stands
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.TrimSpace(line) == "" {
			continue
		}
		u, err := parseUser(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if first := lines[u.Name]; first > 0 {
			return nil, fmt.Errorf("line %d: the user %q stands in line %d already", number, u.Name, first)
		}
		lines[u.Name] = number
		users = append(users, u)
	}
	return users, nil
}

// formatUsers is the inverse of parseUsers.
func formatUsers(users []User) ([]byte, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for i := range users {
		if err := users[i].Check(); err != nil {
			return nil, err
		}
		if err := encoder.Encode(&users[i]); err != nil {
			return nil, err
		}
	}
	return []byte(text.String()), nil
}
