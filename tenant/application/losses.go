// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"
	"slices"
	"strings"
)

// maxLosses bounds what is listed: the list becomes the message of a condition.
const maxLosses = 32

// Loss is one thing in a JSON schema that a CustomResourceDefinition can't say.
type Loss struct {
	// Path is the JSON pointer to it, as a $ref would have it: #/properties/backup/patternProperties. It follows references:
	// what is lost in a definition has the definition's path.
	Path   string
	Reason string
}

func (l Loss) String() string { return l.Path + ": " + l.Reason }

// Losses is the error of a schema that can't be published. It holds at least one, each once, in the order of the schema's
// keys; those beyond the first 32 are left out.
type Losses []Loss

func (l Losses) Error() string {
	lines := make([]string, 0, len(l))
	for _, one := range l {
		lines = append(lines, one.String())
	}

	return fmt.Sprintf("the schema can't be published: %s", strings.Join(lines, "; "))
}

// Hint is for whoever wrote the chart.
func (Losses) Hint() string {
	return "say it in the chart's values.schema.json by what structural schemas have, or check it in the chart's templates"
}

func (l *Losses) add(path, reason string, args ...any) {
	loss := Loss{Path: Clip(path, maxPath), Reason: Clip(fmt.Sprintf(reason, args...), maxReason)}
	if len(*l) < maxLosses && !slices.Contains(*l, loss) {
		*l = append(*l, loss)
	}
}

// What a schema says of itself may be of any length.
const (
	maxPath   = 512
	maxReason = 512
)

// Clip cuts a text after so many bytes, between two runes.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}

	return strings.ToValidUTF8(text[:most], "") + "..."
}
