// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"errors"
	"fmt"
)

// NotFoundError is the answer to a name that is not served.
type NotFoundError struct{ Name string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("file %.64q is not served here", e.Name) }

// SilentError ends a transfer whose client no longer answers.
type SilentError struct {
	Acknowledged int64 // blocks
	Resent       int   // times that the next ones were sent again
}

func (e *SilentError) Error() string {
	if e.Acknowledged == 0 {
		return fmt.Sprintf("the client never answered, not even after %d repetitions", e.Resent)
	}
	return fmt.Sprintf("the client fell silent after block %d", e.Acknowledged)
}

// AbortedError ends a transfer by the client's own wish.
type AbortedError struct {
	Code uint16 // of RFC 1350 section 5 and RFC 2347; anything may come
	Text string // as sent, at most 128 bytes; may hold anything
}

func (e *AbortedError) Error() string {
	return fmt.Sprintf("the client ended it with error %d: %.128q", e.Code, e.Text)
}

// Why requests are refused and transfers ended. The texts are sent to the client.
var (
	errBusy      = errors.New("too many transfers at once: try again")
	errSlow      = errors.New("the transfer took too long")
	errReplaced  = errors.New("the client asked for a file anew")
	errEvicted   = errors.New("the client had not answered yet when others needed its place")
	errUnread    = errors.New("the file can't be read")
	errWrite     = errors.New("files are only read here")
	errMode      = errors.New(`want mode "octet"`)
	errMalformed = errors.New("this is not a TFTP request")
	errStopped   = errors.New("the server ends")
)

// The error codes of RFC 1350 that we send.
const (
	codeOther     = 0 // see the text
	codeNotFound  = 1
	codeRefused   = 2
	codeMalformed = 4
)

// answerTo is what the client of a failed request or transfer is told. No path of ours is in it.
func answerTo(err error) (code uint16, text string) {
	var absent *NotFoundError
	var denied *deniedError
	switch {
	case errors.As(err, &absent):
		return codeNotFound, absent.Error()
	case errors.As(err, &denied):
		return codeRefused, denied.Error()
	case errors.Is(err, errWrite):
		return codeRefused, errWrite.Error()
	case errors.Is(err, errMode):
		return codeMalformed, errMode.Error()
	case errors.Is(err, errMalformed):
		return codeMalformed, errMalformed.Error()
	case errors.Is(err, errUnread):
		return codeOther, errUnread.Error()
	case errors.Is(err, errStopped):
		return codeOther, errStopped.Error()
	}
	return codeOther, err.Error()
}

// deniedError is what Admit said.
type deniedError struct{ err error }

func (e *deniedError) Error() string { return e.err.Error() }
func (e *deniedError) Unwrap() error { return e.err }
