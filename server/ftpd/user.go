//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/server"
	"ftpd/server/access"
	"ftpd/server/session"
)

// userApplication describes "ftpd user", which keeps the users file.
func userApplication(stdout, stderr io.Writer) *cli.App {
	u := &userCommands{stdout: stdout, stderr: stderr}
	secret := &cli.StringFlag{Name: "password-file", Usage: "read the password from `FILE`, one line, and do not ask for it"}
	return &cli.App{
		Name:        "ftpd user",
		Usage:       "keep the users of a server",
		UsageText:   "ftpd user COMMAND [NAME] [flags]",
		Description: "A server that runs reads the file again at SIGHUP. Who is logged in as a user that has changed is logged out then.",
		Version:     command.Version(),
		Writer:      stdout,
		ErrWriter:   stderr,
		Flags:       []cli.Flag{usersFlag("the users are in `FILE`; the first \"add\" makes it")},
		Action: func(*cli.Context) error {
			usage := command.Usagef("no command given")
			usage.Hint = "the commands are add, passwd, set, del, list"
			return usage
		},
		Commands: []*cli.Command{
			{
				Name: "add", Usage: "add a user", ArgsUsage: "NAME [flags]", Action: u.add,
				Description: "Asks for a password, unless it is in a file or there is a key.",
				Flags:       append(fieldFlags(), secret),
			},
			{Name: "passwd", Usage: "give a user another password", ArgsUsage: "NAME [--password-file FILE]", Action: u.passwd, Flags: []cli.Flag{secret}},
			{
				Name: "set", Usage: "change a user; what is not named stays", ArgsUsage: "NAME [flags]", Action: u.set,
				Flags: append(fieldFlags(),
					&cli.BoolFlag{Name: "no-keys", Usage: "take all keys away"},
					&cli.BoolFlag{Name: "no-password", Usage: "take the password away"}),
			},
			{Name: "del", Usage: "delete a user; its files stay", ArgsUsage: "NAME", Action: u.del},
			{
				Name: "list", Usage: "list the users", ArgsUsage: "[--json]", Action: u.list,
				Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print one JSON object a user"}},
			},
		},
	}
}

// runUser runs "ftpd user"; args are what follows.
func runUser(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return command.Run(ctx, userApplication(stdout, stderr), append([]string{"ftpd user"}, args...))
}

// userCommands are the actions of "ftpd user".
type userCommands struct{ stdout, stderr io.Writer }

// place returns the users file and the user that a command is about.
func place(c *cli.Context) (file, name string, err error) {
	if file, err = usersFile(c); err != nil {
		return "", "", err
	}
	if c.NArg() != 1 {
		return "", "", command.Usagef("one user is to be named, and there are %d", c.NArg())
	}
	name = c.Args().First()
	if err := access.CheckName(name); err != nil {
		return "", "", command.Usagef("%v", err)
	}
	return file, name, nil
}

func usersFile(c *cli.Context) (string, error) {
	file := c.String("users")
	if file == "" {
		usage := command.Usagef("no users file is named")
		usage.Hint = "--users FILE or FTPD_USERS names it"
		return "", usage
	}
	return file, nil
}

func (u *userCommands) add(c *cli.Context) error {
	file, name, err := place(c)
	if err != nil {
		return err
	}
	taken := func(users []access.User) error {
		if find(users, name) >= 0 {
			return fmt.Errorf("there is a user %q already; \"ftpd user set\" changes it", name)
		}
		return nil
	}
	if users, err := access.ReadUsers(file); err == nil && taken(users) != nil { // before it asks for a password
		return taken(users)
	}
	user := access.User{Name: name, Allow: session.Everything}
	if err := fields(c, &user); err != nil {
		return err
	}
	if from := c.String("password-file"); from != "" || len(user.Keys) == 0 {
		if user.Password, err = password(from, u.stderr); err != nil {
			return err
		}
	}
	return access.ChangeUsers(file, func(users []access.User) ([]access.User, error) {
		if err := taken(users); err != nil {
			return nil, err
		}
		users = append(users, user)
		return users, checkHomes(users)
	})
}

// checkHomes returns why the quotas of users cannot be kept, and what helps.
func checkHomes(users []access.User) error { return hintOfHomes(server.CheckHomes(users, 0)) }

// hintOfHomes says what helps where quotas cannot be kept.
func hintOfHomes(err error) error {
	if errors.Is(err, server.ErrQuotas) {
		return &hinted{err, "--home DIR of \"ftpd user add\" and \"ftpd user set\" gives a user a home beside the others; without --home it is the root, in which all lie. Where a server lets anybody change the root, say --anonymous ro or off"}
	}
	return err
}

func (u *userCommands) passwd(c *cli.Context) error {
	return change(c, func(user *access.User) (err error) {
		user.Password, err = password(c.String("password-file"), u.stderr)
		return err
	})
}

func (u *userCommands) set(c *cli.Context) error {
	if !slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return f.Names()[0] != "users" && c.IsSet(f.Names()[0]) }) {
		usage := command.Usagef("no flag says what to change")
		usage.Hint = "run ftpd user set --help for the flags there are"
		return usage
	}
	var changed access.User
	err := change(c, func(user *access.User) error {
		if c.Bool("no-keys") {
			user.Keys = nil
		}
		if c.Bool("no-password") {
			user.Password = ""
		}
		err := fields(c, user)
		changed = *user
		return err
	})
	if err == nil && changed.Password == "" && len(changed.Keys) == 0 {
		complain(u.stderr, fmt.Sprintf("ftpd: warning: the user %q has neither a password nor a key now, and cannot log in", changed.Name))
		complain(u.stderr, "hint: \"ftpd user passwd\" gives it a password, and \"ftpd user set --key FILE\" a key")
	}
	return err
}

// change changes a user that is there.
func change(c *cli.Context, how func(*access.User) error) error {
	file, name, err := place(c)
	if err != nil {
		return err
	}
	return changeAt(file, name, func(users []access.User, i int) ([]access.User, error) {
		if err := how(&users[i]); err != nil {
			return nil, err
		}
		return users, checkHomes(users)
	})
}

func (u *userCommands) del(c *cli.Context) error {
	file, name, err := place(c)
	if err != nil {
		return err
	}
	return changeAt(file, name, func(users []access.User, i int) ([]access.User, error) {
		return slices.Delete(users, i, i+1), nil
	})
}

// changeAt changes the users of a file of whom one must be there. It does not make the
// file.
func changeAt(file, name string, how func(users []access.User, i int) ([]access.User, error)) error {
	if _, err := access.ReadUsers(file); err != nil {
		return hintOfUsers(err)
	}
	return access.ChangeUsers(file, func(users []access.User) ([]access.User, error) {
		i := find(users, name)
		if i < 0 {
			return nil, fmt.Errorf("there is no user %q; \"ftpd user list\" shows them", name)
		}
		return how(users, i)
	})
}

func find(users []access.User, name string) int {
	return slices.IndexFunc(users, func(u access.User) bool { return u.Name == name })
}

// listed is a user as "list --json" prints it: without what is secret.
type listed struct {
	access.User
	Password bool     `json:"password"`
	Keys     []string `json:"keys"`
}

func (u *userCommands) list(c *cli.Context) error {
	file, err := usersFile(c)
	if err != nil {
		return err
	}
	if c.NArg() > 0 {
		return command.Usagef("unexpected argument %q", c.Args().First())
	}
	users, err := access.ReadUsers(file)
	if err != nil {
		return hintOfUsers(err)
	}
	if c.Bool("json") {
		return printJSON(u.stdout, users)
	}
	return printTable(u.stdout, users)
}

func printJSON(to io.Writer, users []access.User) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	for _, user := range users {
		l := listed{User: user, Password: user.Password != "", Keys: []string{}}
		for _, key := range user.Keys {
			l.Keys = append(l.Keys, access.KeyTitle(key))
		}
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func printTable(to io.Writer, users []access.User) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAME\tHOME\tALLOW\tBYTES\tFILES\tCONNECTIONS\tUP\tDOWN\tPASSWORD\tKEYS") // Flush tells
	for _, user := range users {
		has := "no"
		if user.Password != "" {
			has = "yes"
		}
		_, _ = fmt.Fprintf(w, "%s\t/%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", shown(user.Name), shown(user.Home), user.Allow,
			limitOf(user.QuotaBytes, command.FormatRate), limitOf(user.QuotaFiles, plain), limitOf(int64(user.Connections), plain),
			limitOf(user.RateUp, command.FormatRate), limitOf(user.RateDown, command.FormatRate), has, len(user.Keys))
	}
	return w.Flush()
}

// limitOf shows a limit.
func limitOf(n int64, format func(int64) string) string {
	if n == 0 {
		return "-"
	}
	return format(n)
}

func plain(n int64) string { return strconv.FormatInt(n, 10) }

// shown returns s, quoted if it holds what could harm a terminal.
func shown(s string) string {
	if q := strconv.Quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}
