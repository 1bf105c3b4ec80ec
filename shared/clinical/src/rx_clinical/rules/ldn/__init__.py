"""Low-dose naltrexone beside other medicines and conditions."""
