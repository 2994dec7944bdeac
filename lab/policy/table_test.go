// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is the rules of isolation, written out by hand for the tree and the peers of world_test.go: row, verdict, who, to whom, at
// which ports. The first line that matches holds. Ports are TCP unless they say udp; names may hold *, which ends at a slash:
// */* is every pod of every tenant, and * what is none. Line 0 is what the rules leave alone.
const table = `
1  allow  root/etcd                        root/etcd                          2379,2380
1  allow  alpha/etcd,alpha/everything      alpha/etcd,alpha/everything        2379,2380
1  allow  epsil/etcd                       epsil/etcd                         2379,2380
1  allow  delta/etcd                       delta/etcd                         2379,2380

2  allow  system.*,cdi.*                   */*                                *
2  allow  host,api.*                       */*                                *

3  allow  root/vmagent                     root/etcd                          2381
3  allow  root/vmagent                     alpha/etcd,alpha/everything        2381
3  allow  root/vmagent                     delta/etcd                         2381
3  allow  beta/vmagent                     epsil/etcd                         2381

4  allow  root/toetcd                      root/etcd                          2379
4  allow  omega/toetcd,omega/everything    root/etcd                          2379
4  allow  alpha/toetcd                     alpha/etcd,alpha/everything        2379
4  allow  beta/toetcd                      alpha/etcd,alpha/everything        2379
4  allow  gamma/toetcd                     alpha/etcd,alpha/everything        2379
4  allow  gamma/toetcd                     root/etcd                          2379
4  allow  epsil/toetcd,zeta/toetcd         epsil/etcd                         2379
4  allow  epsil/toetcd                     alpha/etcd,alpha/everything        2379
4  allow  delta/toetcd,sigma/toetcd        delta/etcd                         2379

5  deny   *,*/*                            */etcd,*/everything                *

6  allow  root/*                           root/*                             *
6  allow  alpha/*                          alpha/*                            *
6  allow  beta/*                           beta/*                             *
6  allow  gamma/*                          gamma/*                            *
6  allow  epsil/*                          epsil/*                            *
6  allow  zeta/*                           zeta/*                             *
6  allow  delta/*                          delta/*                            *
6  allow  sigma/*                          sigma/*                            *
6  allow  omega/*                          omega/*                            *

7  allow  root/*                           alpha/*,beta/*,gamma/*,zeta/*      *
7  allow  root/*                           epsil/*,delta/*,sigma/*,omega/*    *
7  allow  alpha/*                          beta/*,gamma/*,epsil/*             *
7  allow  alpha/*                          zeta/*,delta/*,sigma/*             *
7  allow  beta/*                           gamma/*,epsil/*,zeta/*             *
7  allow  epsil/*                          zeta/*                             *
7  allow  delta/*                          sigma/*                            *

8  allow  alpha/*,delta/*,sigma/*,omega/*  root/ingress                       80,443
8  allow  gamma/*,epsil/*,zeta/*           beta/ingress                       80,443
8  allow  alpha/*,delta/*,sigma/*,omega/*  root/vminsert                      8480
8  allow  gamma/*,epsil/*,zeta/*           beta/vminsert                      8480
8  allow  alpha/*,delta/*,sigma/*,omega/*  root/vlinsert                      9481
8  allow  gamma/*,epsil/*,zeta/*           beta/vlinsert                      9481
8  allow  alpha/*,beta/*,gamma/*           root/seaweedfs                     8333
8  allow  epsil/*,zeta/*,omega/*           root/seaweedfs                     8333
8  allow  sigma/*                          delta/seaweedfs                    8333

9  deny   */*                              */*                                *

10 allow  */*                              dns                                53,53/udp

11 allow  */toapi,*/everything             api.*                              6443
11 deny   */*                              api.*                              *

12 deny   */*                              host,node                          *
12 deny   */*                              closed.*                           *

13 allow  */*                              cdi.upload                         8443
13 deny   */*                              system.*,cdi.*                     *

14 allow  */*                              world.*                            *

15 allow  world.*,closed.*,inner.*,node    */exposed                          *
15 allow  world.*,closed.*,inner.*,node    */ingress                          *

16 deny   world.*,closed.*,inner.*         */*                                *
16 deny   default.*,kube-system.*,dns      */*                                *

17 deny   node                             */*                                *
17 deny   */*                              inner.*                            *
17 deny   */*                              dns,kube-system.*,default.*        *

0  allow  *                                *                                  *
`

// line is one of the table.
type line struct {
	text      string
	row       int
	isAllowed bool
	from, to  []string
	ports     string
}

// lines reads a table.
func lines(t *testing.T, table string) []line {
	t.Helper()

	var all []line

	for text := range strings.Lines(table) {
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}

		require.Len(t, fields, 5, text)
		row, err := strconv.Atoi(fields[0])
		require.NoError(t, err)
		require.Contains(t, []string{"allow", "deny"}, fields[1])
		all = append(all, line{
			text: strings.Join(fields, " "), row: row, isAllowed: fields[1] == "allow",
			from: strings.Split(fields[2], ","), to: strings.Split(fields[3], ","), ports: "," + fields[4] + ",",
		})
	}

	return all
}

func (l line) matches(from, to string, at port) bool {
	name := strconv.Itoa(int(at.Number))
	if at.Protocol != "TCP" {
		name += "/" + strings.ToLower(at.Protocol)
	}

	return (l.ports == ",*," || strings.Contains(l.ports, ","+name+",")) && isNamed(l.from, from) && isNamed(l.to, to)
}

func isNamed(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if isMatch, err := path.Match(pattern, name); err == nil && isMatch {
			return true
		}
	}

	return false
}

// expected is what the table says of each flow, by the places of its peers and its port. It fails where the table says nothing.
func expected(t *testing.T, all []peer) map[flow]line {
	t.Helper()

	flows, table := map[flow]line{}, lines(t, table)

	for from := range all {
		for to := range all {
			for at, port := range ports() {
				found := slices.IndexFunc(table, func(l line) bool { return l.matches(all[from].name, all[to].name, port) })
				if found < 0 {
					t.Fatalf("the table does not say whether %s reaches %s at %v", all[from].name, all[to].name, port)
				}

				flows[flow{from, to, at}] = table[found]
			}
		}
	}

	return flows
}

// flow is one of a question, by the places of its peers and of its port.
type flow struct{ from, to, at int }

func TestEveryLineOfTheTableDecidesSomething(t *testing.T) {
	used := map[string]bool{}
	for _, line := range expected(t, peers(resolve(t))) {
		used[line.text] = true
	}

	for _, line := range lines(t, table) {
		require.True(t, used[line.text], line.text)
	}
}
