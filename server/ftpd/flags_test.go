//go:build unix

package main

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/server"
)

// configured returns what ftpd would be told by a command line.
func configured(t *testing.T, args ...string) (server.Config, error) {
	t.Helper()
	var config server.Config
	app := application(io.Discard, io.Discard)
	app.Action = func(c *cli.Context) (err error) {
		config, err = configOf(c)
		return err
	}
	err := command.Run(t.Context(), app, append([]string{"ftpd"}, args...))
	return config, err
}

// TestEmptyVariables has variables that a shell has set to nothing.
func TestEmptyVariables(t *testing.T) {
	for _, name := range []string{
		"ROOT", "LISTEN", "INSECURE", "READ_ONLY", "DURABILITY", "SELECTOR", "MAX_CLIENTS", "IDLE_TIMEOUT", "LOG_FORMAT", "LOG_LEVEL",
	} {
		t.Setenv("FTPD_"+name, "")
	}
	config, err := configured(t)
	if err != nil || config.Root != "." || config.Listen != "127.0.0.1:2120" || config.MaxClients != 10_000 {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestVariables(t *testing.T) {
	t.Setenv("FTPD_ROOT", "there")
	t.Setenv("FTPD_READ_ONLY", "true")
	t.Setenv("FTPD_INSECURE", "false")
	t.Setenv("FTPD_MAX_CLIENTS", "many")
	config, err := configured(t, "--max-clients", "7")
	if err != nil || config.Root != "there" || !config.ReadOnly || config.Insecure || config.MaxClients != 7 {
		t.Errorf("%+v, %v", config, err)
	}
}

// TestZeroIsOff has flags whose 0 switches off what server.Config has by default.
func TestZeroIsOff(t *testing.T) {
	config, err := configured(t)
	if err != nil || config.DigestCache != 32<<20 || config.KeepResumable != 24*time.Hour {
		t.Errorf("by default: %+v, %v", config, err)
	}
	t.Setenv("FTPD_KEEP_RESUMABLE", "0")
	config, err = configured(t, "--digest-cache", "0")
	if err != nil || config.DigestCache >= 0 || config.KeepResumable >= 0 {
		t.Errorf("with 0: %+v, %v", config, err)
	}
	for _, arg := range []string{"--digest-cache=-1", "--digest-cache=1048577", "--keep-resumable=-1s"} {
		_, err := configured(t, arg)
		if flag, _, _ := strings.Cut(arg, "="); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

// TestPlaceholders: what a flag takes is named in upper case.
func TestPlaceholders(t *testing.T) {
	var out strings.Builder
	if err := command.Run(t.Context(), application(&out, io.Discard), []string{"ftpd", "--help"}); err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`(?m)^ +--([a-z-]+) ([^ ]+)  `).FindAllStringSubmatch(out.String(), -1)
	if len(flags) < 10 {
		t.Errorf("found %q in\n%s", flags, out.String())
	}
	for _, f := range flags {
		if f[2] != strings.ToUpper(f[2]) {
			t.Errorf("--%s takes %s", f[1], f[2])
		}
	}
}
