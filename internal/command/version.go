package command

import "runtime/debug"

// version is set when a release is built:
//
//	go build -ldflags "-X ftpd/internal/command.version=1.2.3"
var version string

// Version returns the version both programs report, never empty.
func Version() string {
	if version != "" {
		return version
	}
	// "go install ftpd/...@v1.2.3" records the version in the binary.
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
