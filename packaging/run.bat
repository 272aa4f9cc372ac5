@echo off
rem Opens Espalier on Windows. The first start makes .venv beside this folder; arguments go to main.py.
setlocal
set "root=%~dp0.."
set "PYTHONHOME="
set "PYTHONPATH="
set "python="

for %%V in (3.13 3.12 3.11) do (
  if not defined python py -%%V -c "import sys" >nul 2>nul && set "python=py -%%V"
)
if not defined python python -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>nul && set "python=python"
if not defined python (
  echo Espalier needs Python 3.11, 3.12 or 3.13, and none was found.
  echo Install one from python.org with its "py launcher" and start this again.
  pause
  exit /b 1
)

%python% "%root%\packaging\setup_env.py" run
if errorlevel 1 (
  pause
  exit /b 1
)
"%root%\.venv\Scripts\python.exe" "%root%\main.py" %*
set "code=%errorlevel%"
if not "%code%"=="0" pause
exit /b %code%
