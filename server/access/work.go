//go:build unix

package access

import (
	"cmp"
	"fmt"
	"slices"
)

// maxCosts bounds the different costs of a users file, for a login does the work of all.
const maxCosts = 8

// costsOf returns the costs of the users' passwords, each once and in an order that says
// nothing of who has which; where there is no password, that of new ones.
func costsOf(users map[string]*entry) ([]cost, error) {
	var costs []cost
	for _, e := range users {
		if e.password != nil && !slices.Contains(costs, e.password.cost) {
			costs = append(costs, e.password.cost)
		}
		if len(costs) > maxCosts {
			return nil, fmt.Errorf("the passwords are of more than %d different costs (m, t, p), and every login takes the work of all: \"ftpd user passwd\" gives a user one of the usual cost", maxCosts)
		}
	}
	if len(costs) == 0 {
		return []cost{usual}, nil
	}
	slices.SortFunc(costs, cost.compare)
	return costs, nil
}

func (c cost) compare(d cost) int {
	return cmp.Or(cmp.Compare(c.memory, d.memory), cmp.Compare(c.passes, d.passes), cmp.Compare(c.threads, d.threads))
}

// verify tells whether a password is the one of an entry, nil being one that nobody has.
// It derives a key at each of costs, of which the entry's is one: so what it takes says
// nothing of the entry, nor whether there is one.
func (g *Gate) verify(password []byte, against *phc, costs []cost) bool {
	right := false
	for _, c := range costs {
		if against != nil && against.cost == c {
			right = against.matches(g.derive(c, against.salt, password, len(against.key)))
			continue
		}
		nobody := phc{cost: c, salt: make([]byte, saltLen), key: make([]byte, keyLen)}
		nobody.matches(g.derive(c, nobody.salt, password, keyLen))
	}
	return right
}
