//go:build unix

package server

import (
	"errors"
	"fmt"

	"ftpd/server/access"
	"ftpd/server/session"
	"ftpd/server/storage"
	"ftpd/server/storage/homes"
)

// ErrNobody is returned by New for a server that nobody could use.
var ErrNobody = errors.New("without users nobody may do anything then; name a users file")

// ErrQuotas is returned by New and CheckHomes for users whose quotas cannot be kept together.
var ErrQuotas = homes.ErrNested

// Anonymous says what a client may do that has not logged in.
type Anonymous uint8

const (
	// AnonymousDefault is AnonymousOff where there are users, and else
	// AnonymousReadWrite.
	AnonymousDefault Anonymous = iota
	// AnonymousReadWrite allows everything.
	AnonymousReadWrite
	// AnonymousReadOnly allows to list and get.
	AnonymousReadOnly
	// AnonymousOff allows nothing.
	AnonymousOff
)

// ParseAnonymous returns the Anonymous of a name: "rw", "ro", "off", or "" for the
// default.
func ParseAnonymous(name string) (Anonymous, error) {
	switch name {
	case "":
		return AnonymousDefault, nil
	case "rw":
		return AnonymousReadWrite, nil
	case "ro":
		return AnonymousReadOnly, nil
	case "off":
		return AnonymousOff, nil
	}
	return 0, fmt.Errorf("%q is none of rw, ro and off", name)
}

// permissions returns what that is for a server with or without users.
func (a Anonymous) permissions(users bool) session.Permissions {
	switch {
	case a == AnonymousReadOnly:
		return session.Read | session.List
	case a == AnonymousReadWrite, a == AnonymousDefault && !users:
		return session.Everything
	}
	return 0
}

// spareForAdministrators is how many connections a server that is full takes besides,
// for an administrator to log in.
const spareForAdministrators = 4

// admission is who may do what on a server.
type admission struct {
	gate   *access.Gate // nil without users
	allow  session.Permissions
	spares int
}

// admit reads the users file, if there is one.
func admit(config Config, store storage.Storage, h *homes.Homes) (admission, error) {
	a := admission{allow: config.Anonymous.permissions(config.Users != "")}
	if config.Users == "" {
		if a.allow == 0 {
			return a, ErrNobody
		}
		return a, nil
	}
	var err error
	a.spares = spareForAdministrators
	a.gate, err = access.New(access.Options{
		File:      config.Users,
		Anonymous: a.allow,
		Root:      store,
		Home:      homeOf(h),
		Check:     func(users []access.User) error { return CheckHomes(users, a.allow) },
		Failures:  config.LoginFailures,
		Ban:       config.LoginBan,
		Logger:    config.Logger,
	})
	return a, err
}

// sessionGate returns the gate for sessions: a nil *Gate in an interface is not nil.
func (a admission) sessionGate() session.Gate {
	if a.gate == nil {
		return nil
	}
	return a.gate
}

// changes are the permissions by which what is in a home grows or shrinks.
const changes = session.Write | session.Delete

// CheckHomes returns why the quotas of users cannot be kept, an ErrQuotas, or nil: whoever changes something
// in a home must be counted there. anonymous is what may be done in the root without a login.
func CheckHomes(users []access.User, anonymous session.Permissions) error {
	uses := []homes.Use{{Who: "whoever has not logged in", Home: "/", Write: anonymous&changes != 0}}
	for _, u := range users {
		uses = append(uses, homes.Use{Who: u.Name, Home: "/" + u.Home, Quota: quotaOf(u), Write: u.Allow&changes != 0})
	}
	return homes.Check(uses)
}

func quotaOf(u access.User) homes.Quota {
	return homes.Quota{Bytes: u.QuotaBytes, Files: u.QuotaFiles}
}

// homeOf opens the home of a user.
func homeOf(h *homes.Homes) func(access.User) (storage.Storage, func(), error) {
	return func(u access.User) (storage.Storage, func(), error) {
		return h.Acquire("/"+u.Home, quotaOf(u))
	}
}
