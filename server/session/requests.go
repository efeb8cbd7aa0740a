package session

// tagged is a request in flight and the number it goes by.
type tagged struct {
	id      uint32
	request request
}

// requestList is the requests in flight. The few that most connections have are
// found by looking at each, and take no more memory than that; many are indexed.
type requestList struct {
	list  []tagged
	index map[uint32]int // where in list each is; nil as long as there are few
}

// fewRequests is how many are looked through.
const fewRequests = 32

func (l *requestList) len() int { return len(l.list) }

// place returns where in the list a request is, or -1.
func (l *requestList) place(id uint32) int {
	if l.index != nil {
		if i, ok := l.index[id]; ok {
			return i
		}
		return -1
	}
	for i := range l.list {
		if l.list[i].id == id {
			return i
		}
	}
	return -1
}

// find returns a request, or nil.
func (l *requestList) find(id uint32) request {
	if i := l.place(id); i >= 0 {
		return l.list[i].request
	}
	return nil
}

// add takes a request by a number that none has.
func (l *requestList) add(id uint32, r request) {
	l.list = append(l.list, tagged{id, r})
	if l.index == nil && len(l.list) > fewRequests {
		l.index = make(map[uint32]int, 2*fewRequests)
		for i, t := range l.list {
			l.index[t.id] = i
		}
	}
	if l.index != nil {
		l.index[id] = len(l.list) - 1
	}
}

// remove ends a request; the last one takes its place. What many have taken goes
// when none is left, for an idle connection should hold next to nothing.
func (l *requestList) remove(id uint32) {
	i := l.place(id)
	if i < 0 {
		return
	}
	last := len(l.list) - 1
	l.list[i] = l.list[last]
	l.list[last] = tagged{}
	l.list = l.list[:last]
	if l.index == nil {
		return
	}
	if last == 0 {
		*l = requestList{}
		return
	}
	delete(l.index, id)
	if i < last {
		l.index[l.list[i].id] = i
	}
}
