// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed template_full.yaml
var templateFull string

//go:embed template_hosted.yaml
var templateHosted string

// Template is a commented site file to start from. What only the operator knows stands in it as "<...>", and [Parse]
// names each that is still there. The error says that the bundle is unknown.
func Template(bundle string) ([]byte, error) {
	defaults := &Site{Bundle: bundle}
	SetDefaults(defaults)
	var text string
	switch {
	case defaults.Hosted():
		text = templateHosted
	case defaults.full():
		text = templateFull
	default:
		return nil, fmt.Errorf("bundle %q: not one of %s", bundle, strings.Join(Bundles(), ", "))
	}
	parsed, err := template.New(bundle).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, defaults)
	return out.Bytes(), err
}
