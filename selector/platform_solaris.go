package selector

// The suffix of this file's name covers illumos too (go help buildconstraint).
func openers() []opener {
	return []opener{
		{kind: EventPort, open: openEventPort},
		{kind: Poll, open: openPoll},
	}
}
