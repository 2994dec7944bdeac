// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// bundleFlags choose a bundle: by name, with everything at its default, or as a site file has it.
type bundleFlags struct {
	file, controllerImage string
	published             string // the release's image of cozy-controller
}

func (f *bundleFlags) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.file, "file", "f", "", "the site file whose bundle and choices are meant, instead of BUNDLE")
	carry(c, "file")
	addControllerImage(c, &f.controllerImage)
}

// plan resolves the bundle of the arguments.
func (f *bundleFlags) plan(args []string) (*bundles.Plan, error) {
	s, err := f.site(args)
	if err != nil {
		return nil, err
	}
	plan, err := bootstrap.ResolveBundle(s, releaseImage(f.controllerImage, f.published, s))
	if err != nil && f.file == "" {
		err = &UsageError{Err: err}
	}
	return plan, err
}

// site is the one that the arguments mean.
func (f *bundleFlags) site(args []string) (*site.Site, error) {
	if (len(args) == 1) == (f.file != "") {
		return nil, &UsageError{Err: errors.New("name one BUNDLE, or a site file with --file, and not both")}
	}
	if f.file == "" {
		return exampleSite(args[0]), nil
	}
	return site.Load(f.file)
}

func newBundleGraphCommand(streams Streams) *cobra.Command {
	flags := bundleFlags{published: streams.Published}
	var format string
	c := &cobra.Command{
		Use: "graph [BUNDLE]", Short: "Draw what waits for what: as text, for Graphviz, or as a picture", Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			plan, err := flags.plan(args)
			if err != nil {
				return err
			}
			drawing := bundles.Draw(plan)
			forms := map[string]func() string{"text": drawing.Text, "dot": drawing.DOT, "svg": drawing.SVG}
			form, ok := forms[format]
			if !ok {
				return &UsageError{Err: fmt.Errorf("--format: %q: not text, dot or svg", format)}
			}
			_, err = fmt.Fprint(streams.Out, form())
			return err
		},
	}
	flags.add(c)
	c.Flags().StringVar(&format, "format", "text", "text, dot or svg")
	return c
}

// imageRow is an image as `bundle images` shows it.
type imageRow struct {
	Image    string   `json:"image"`
	Packages []string `json:"packages"`
}

func newBundleImagesCommand(streams Streams) *cobra.Command {
	flags := bundleFlags{published: streams.Published}
	var output outputFlag
	c := &cobra.Command{
		Use: "images [BUNDLE]", Short: "List every image of a bundle", Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			plan, err := flags.plan(args)
			if err != nil {
				return err
			}
			rows := imageRows(plan)
			return output.print(streams.Out, rows, func() string {
				cells := make([][]string, len(rows))
				for i, row := range rows {
					cells[i] = []string{row.Image, strings.Join(row.Packages, ", ")}
				}
				return ui.Table([]string{"IMAGE", "PACKAGES"}, cells) + "\n"
			})
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

// imageRows are the images in the order in which they are needed first.
func imageRows(plan *bundles.Plan) []imageRow {
	rows, at := []imageRow{}, map[string]int{}
	for _, p := range plan.Packages {
		for _, image := range p.Images {
			i, known := at[image]
			if !known {
				i = len(rows)
				at[image] = i
				rows = append(rows, imageRow{Image: image})
			}
			rows[i].Packages = append(rows[i].Packages, p.Name)
		}
	}
	return rows
}
