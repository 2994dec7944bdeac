// SPDX-License-Identifier: Apache-2.0

package fleet

// Write puts something on a disk of a machine, by its path, as another system did that ran there; switch it off before.
func (f *Fleet) Write(name, path string, contents Contents) error {
	return f.each([]string{name}, func(m *machine) { m.disks.Write(path, contents) })
}

// Contents is what is on each disk of a machine, by path; nil for an unknown name.
func (f *Fleet) Contents(name string) map[string]Contents {
	found, err := f.find(name)
	if err != nil {
		return nil
	}

	out := map[string]Contents{}
	for _, disk := range found[0].spec.Disks {
		out[disk.Path] = found[0].disks.Contents(disk)
	}

	return out
}
