package selector

func openers() []opener {
	return []opener{
		{kind: Poll, open: openPoll},
	}
}
