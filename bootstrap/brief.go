// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
)

const (
	// listedAtMost is how many nodes a line of progress names one by one.
	listedAtMost = 5
	// listedOfMany is how many it names when there are more: a person reads no more at once, and each line of a site with
	// hundreds of nodes would be kilobytes. What a phase ends with names all, and so does status.
	listedOfMany = reasonsAtOnce
	// manyEvery is how often it is said which of many nodes are waited for: with hundreds, that changes at each look.
	manyEvery = 10 * time.Second
)

// tells gives what a wait tells its reasons to.
func (b *bringup) tells(say phase.Say) func(reason error) {
	t := teller{say: say, of: len(b.nodes()), now: time.Now}
	return t.tell
}

// teller says why a wait goes on, whenever that has changed.
type teller struct {
	say  phase.Say
	of   int // how many nodes are waited for at most
	now  func() time.Time
	last brief
	at   time.Time // when that was said
}

// tell is called after each look that failed. While only the list of many nodes gets shorter it is patient: a later look
// says what it did not.
func (t *teller) tell(reason error) {
	now := briefly(reason, t.of)
	same := now.kind == t.last.kind && now.many && t.last.many
	if now.text == t.last.text || same && t.now().Sub(t.at) < manyEvery {
		return
	}
	t.last, t.at = now, t.now()
	t.say("%s", now.text)
}

// brief is an error for a line of progress.
type brief struct {
	text string
	kind string // the text without the nodes
	many bool   // not all nodes are named
}

// briefly shortens the lists of nodes in an error, wherever in its tree they are. Of is how many nodes there could be.
func briefly(err error, of int) brief {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case *MissingNodesError:
		return aFew(fmt.Sprintf("nodes that %s: ", e.What), ", ", e.Nodes, of)
	case *NoEtcdError:
		return aFew("etcd does not run yet on ", ", ", e.Nodes, of)
	case *kube.NotYetError:
		return aFew("not "+e.What+": ", "; ", e.Reasons, of)
	case *UnhealthyError:
		return aFew("", "; ", e.lines(), 0)
	case *reasonedError:
		b := briefly(e.err, of)
		b.text += " (" + e.reasons + ")"
		return b
	}
	return brieflyWrapped(err, of)
}

// brieflyWrapped shortens what an error wraps, within its text. Where that still has a line for each of many nodes, as joined
// errors have, most are left out.
func brieflyWrapped(err error, of int) brief {
	out := brief{text: err.Error()}
	out.kind = out.text
	for _, part := range wrapped(err) {
		full, short := part.Error(), briefly(part, of)
		out.text = strings.Replace(out.text, full, short.text, 1)
		out.kind = strings.Replace(out.kind, full, short.kind, 1)
		out.many = out.many || short.many
	}
	if lines := strings.Split(out.text, "\n"); len(lines) > listedAtMost {
		rest := aFew("", "\n", lines, 0)
		return brief{text: rest.text, kind: "lines", many: true}
	}
	return out
}

func wrapped(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	if one := errors.Unwrap(err); one != nil {
		return []error{one}
	}
	return nil
}

// aFew names all of a few, or the first of many and how many there are; zero of leaves out of how many.
// Example: "nodes that have not appeared: 497 of 500: a, b, c and 494 more".
func aFew(head, separator string, names []string, of int) brief {
	out := brief{kind: head, text: head + strings.Join(names, separator), many: len(names) > listedAtMost}
	if !out.many {
		return out
	}
	count := ""
	if of >= len(names) {
		count = fmt.Sprintf("%d of %d: ", len(names), of)
	}
	shown := strings.Join(names[:listedOfMany], separator)
	out.text = fmt.Sprintf("%s%s%s and %d more", head, count, shown, len(names)-listedOfMany)
	return out
}
