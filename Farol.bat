@echo off
rem Starts Farol by a double click (Windows). The first time it installs what Farol needs. See docs/starting.md.
chcp 65001 >nul
cd /d "%~dp0"
where py >nul 2>nul
if not errorlevel 1 (
    py -3 scripts\start.py %*
    goto ended
)
where python >nul 2>nul
if not errorlevel 1 (
    python scripts\start.py %*
    goto ended
)
echo O Farol precisa do Python 3.11 ou mais novo: instale-o de https://www.python.org/downloads e tente de novo.
echo Farol needs Python 3.11 or later: install it from there, then try again.
pause
exit /b 1
:ended
if errorlevel 1 pause
