"""The help that teaches: what stands before and after the options of each command."""

from __future__ import annotations

COMMAND = """\
Find every atom in an atomically resolved micrograph, with no labels and no training: the
parameters of a Laplacian-of-Gaussian detector are tuned until the result agrees with physics.

Two quantities are made small at once, and a compromise on their Pareto front is chosen:
  QC   (found - expected) / expected     is the number of atoms right?
  ER   flagged / expected                how many are closer to their four nearest neighbours
                                         than the crystal allows?
"""

#: What each exit status means, wherever a help tells it.
EXIT_STATUS = """\
exit status:
  0    done, and the verdict is ok or check
  2    something could not be done: wrong usage or input, a file that cannot be read or written,
       nothing found; of many files any
  3    with --strict: done, and the verdict of any is check
  130  interrupted by Ctrl-C; what was evaluated until then is written, if anything was
"""

COMMAND_EPILOG = f"""\
examples:
  logstar demo                                          everything, on the shipped micrograph
  logstar info film.dm4                                 what is in it, and what to run
  logstar detect film.dm4 --crystal ybco                the pixel size is in the file
  logstar detect film.tif --crystal perovskite:a=3.905 --pixel-size 0.2A
  logstar detect film.dm4 --cif SrTiO3.cif --zone 110   any crystal, along any direction
  logstar detect film.png --lattice auto                no crystal: the image shows its lattice
  logstar detect film.npy --expected 784 --distance-sum 58.4     no crystal, lengths in pixels
  logstar detect abf.hspy --crystal perovskite:a=3.905 --polarity dark --json > result.json
  logstar detect session/ --lattice auto --out found --resume    a folder of files, one table
  logstar detect movie.emd --lattice auto --dataset all          a movie, as one
  logstar detect stack.emd --lattice auto --dataset all --retune none     each image for itself
  logstar watch session/ --crystal ybco                 frames as the microscope writes them
  logstar compare found/positions.csv truth.csv         what is missing, what is extra

completion of options with the tab key:
  logstar completion bash > ~/.local/share/bash-completion/completions/logstar
  logstar completion zsh > DIR/_logstar                 DIR being in zsh's $fpath

{EXIT_STATUS}"""

DETECT = """\
Tune on a micrograph, then find its atoms. Of many, each is tuned for itself; what fails is told,
and the rest is done.

Say what physics expects, in one of these ways:
  --crystal, or --cif --zone   number and distances of atoms follow from crystal and pixel size,
                               which is corrected where the image shows the lattice
  --lattice auto               both follow from the lattice that the image shows
  --expected, --distance-sum   both as numbers, the first within 3 %; no pixel size is needed
  --lattice none               single atoms: those that stand out of noise, or the strongest
                               --expected of them

Where the expected number is uncertain (edges, calibration), a setting on the front is chosen
whose atoms are the same over a wide range of thresholds.
"""

DETECT_EPILOG = f"""\
crystals:
  ybco               YBa2Cu3O7 along [100]: Ba, Y and Cu columns
  perovskite:a=3.99  ABO3 along [001]: A and B columns; a in angstrom
  --cif FILE         any other: pip install "logstar[crystal]"

formats:
  dm3 dm4 ser emi emd hspy zspy hdf5 h5 mrc and all else that RosettaSciIO reads as an image:
                          pip install "logstar[io]"
  tif tiff npy, and png jpg bmp gif ... pictures:  always

what is written into DIR:
  positions.csv   row, col, sigma (pixels and units) with their errors, response, whether the atom
                  is flagged, height and how its fit ended; with --denoise also support, its
                  signal-to-noise ratio in the raw image
  pareto.csv      the front that was chosen from: QC and ER with the parameters, and the choice
  atoms.png       atoms over the image, flagged ones red; their number against the threshold
  quality.png     zooms on what is to be doubted, worst first; none where nothing is
  windows.csv     with --window: threshold, expected atoms, QC, ER and a verdict of each window,
                  and windows.png, which shows them as maps
  result.json     all of it for machines, and what --resume goes by
Each file is whole or is not there. Of many files each has a folder of its own, DIR/NAME, and
DIR/summary.csv has a line for each; without --out these are logstar-NAME and
logstar-summary.csv.

of a movie (--dataset all of a file that holds one stack):
  positions.h5    or positions.parquet, by --format: the atoms of all frames, with their frame;
                  what is being written ends in .running, and --resume goes on with it
  frames.csv      a line for each frame: atoms, QC, ER, the frame whose settings were used,
                  whether it was within the bands of quiet frames, and whether to trust it
  result.json     as above

the verdict:
  ok      agrees with physics
  check   found, but something is to be doubted, which is said; --strict makes it exit status 3
  failed  not found

QC and ER: see logstar --help.

{EXIT_STATUS}"""

SEGMENT = """\
Find the atoms of a micrograph as `logstar detect` does, compare each with its own kind, and map
the regions that are not crystal, or find that there is none.
"""

SEGMENT_EPILOG = """\
what is written into DIR, beside the files of logstar detect:
  mask.tif, mask.png, mask.npy   255 (npy: True) where it is amorphous
  regions.csv                    area, perimeter, compactness, centroid, atoms of each region
  amorphous.png                  regions on the image, probability, atoms, principal components

Crystals, formats, many files and exit status: see logstar detect --help.
"""

MAP = """\
Find the atoms of a micrograph as `logstar detect` does, tell which site of the crystal each is, and
map what their places measure, with standard deviations:
  strain         e_xx, e_yy, e_xy and the rotation of the lattice around each atom
  polarization   displacement of one kind from the centre of its neighbours of another (--kinds)
  displacement   of each atom from its site
  spacing        distance of each atom to the same column some cells further on (--step)
  vacancies      sites without an atom, marked on the image

x points along columns, to the right; y along rows, downwards; rotations are counter-clockwise as
displayed. What is not defined, as for want of a neighbour, is nan.
"""

MAP_EPILOG = f"""\
examples:
  logstar map film.dm4 --cif BaTiO3.cif --zone 100 --field polarization --kinds Ti,Ba
  logstar map film.dm4 --lattice auto --field strain --field vacancies --grid vtk

what is written into DIR, beside the files of logstar detect:
  fields.csv      atoms with kind, grain, cell and each field's values and errors, in pixels and
                  units; degrees; strains as numbers. --format writes it in other formats as well
  vacancies.csv   sites that may be empty: place, kind, cell, height of what is there, that of an
                  atom of the kind, and the probability that it is empty
  fields.npz      with --grid npz: fields on a square grid of nodes, each with the value of the
                  nearest atom; likewise fields.vtk, for ParaView
  strain.png      and other pictures, named by their field

Crystals, formats and many files: see logstar detect --help.

{EXIT_STATUS}"""

INFO = """\
Say what is in files: images, their calibration and intensities; the lattice that the image shows;
and what to run next. Nothing is written.

Exit status: 0 done, 2 wrong usage or a file that cannot be read, 130 interrupted.
"""

WATCH = """\
Find the atoms of frames as a microscope writes them: the first is tuned on, the others are searched
with its settings, in milliseconds. Where frames leave the band in which number and distances of the
atoms vary, it is tuned anew beside the work; new settings take over when they are ready. Each frame
is said to be trusted or not, with reasons.
"""

WATCH_EPILOG = """\
what is written into DIR:
  FRAME-positions.csv   of each frame, as logstar detect writes positions.csv
  frames.csv            a line for each: atoms, QC, ER, whether it is trusted, and why not; goes on
                        where it is there already

exit status: 0 done (also by Ctrl-C), 2 wrong usage, or no frame could be worked on.

example:
  logstar watch session/ --crystal ybco --refine window --timeout 60
"""

COMPARE = """\
Compare two tables of positions: which atoms of the reference were found, which are missing, which
are extra, and how far the matched ones are apart. Each atom is matched once, and as many are
matched as can be.

Tables are csv, json, parquet, hdf5 or xyz, as logstar detect writes them; of a csv from elsewhere
the columns row and col are taken, in pixels.

Exit status: 0 done, 2 wrong usage or a file that cannot be read, 130 interrupted.
"""

ORACLE = """\
Convert trained weights of AtomAI, AtomNet, FerroNet and of classifiers of single atoms to an ONNX
file, which logstar.oracle.OnnxOracle runs. PyTorch is not needed, and nothing that a checkpoint
says is executed. Needs: pip install "logstar[oracle]"

  logstar oracle convert atomai_model.tar --spacing 12
  python -c 'from logstar.oracle import OnnxOracle; OnnxOracle("atomai_model.onnx")'

Exit status: 0 done, 2 wrong usage or a file that cannot be read or written, 130 interrupted.
"""

COMPLETION = """\
Print the script with which a shell completes commands, options and files at the tab key.

  bash   logstar completion bash > ~/.local/share/bash-completion/completions/logstar
  zsh    logstar completion zsh > DIR/_logstar     DIR being in $fpath
"""
