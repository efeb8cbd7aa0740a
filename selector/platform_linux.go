package selector

func openers() []opener {
	return []opener{
		{Epoll, openEpoll},
		{Poll, openPoll},
	}
}
