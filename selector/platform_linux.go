package selector

func openers() []opener {
	return []opener{
		{kind: Epoll, open: openEpoll},
		{kind: EpollET, open: openEpollET},
		{kind: Poll, open: openPoll},
		{kind: Select, open: openSelect, limit: fdSetSize},
	}
}
