package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// The layout of --help: what it is, how it is called, what there is to choose.
const appHelp = `{{.Name}} - {{.Usage}}

Usage:
   {{.UsageText}}{{if .Description}}

   {{wrap .Description 3}}{{end}}{{if .VisibleCommands}}

Commands:{{template "visibleCommandCategoryTemplate" .}}{{end}}

Flags:{{template "visibleFlagTemplate" .}}
`

const oneCommandHelp = `PROGRAM {{.Name}} - {{.Usage}}

Usage:
   PROGRAM {{.Name}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}{{if .Description}}

   {{wrap .Description 3}}{{end}}

Flags:{{template "visibleFlagTemplate" .}}

The flags of "PROGRAM --help" work here too.
`

func commandHelp(app *cli.App) string {
	return strings.ReplaceAll(oneCommandHelp, "PROGRAM", app.Name)
}
