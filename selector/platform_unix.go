//go:build unix && !linux

package selector

func openers() []opener {
	return []opener{
		{Poll, openPoll},
	}
}
