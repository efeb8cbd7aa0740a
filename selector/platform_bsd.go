//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package selector

func openers() []opener {
	return []opener{
		{kind: Kqueue, open: openKqueue},
		{kind: Poll, open: openPoll},
		{kind: Select, open: openSelect, limit: fdSetSize},
	}
}
