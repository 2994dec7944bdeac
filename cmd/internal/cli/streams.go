// SPDX-License-Identifier: Apache-2.0

package cli

import "io"

// Streams are the program's standard streams: Out takes the answer, Err the conversation.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}
